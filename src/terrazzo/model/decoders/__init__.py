"""A U-Net's decoder with less work: the same results from fewer products, or fewer layers and logits."""
