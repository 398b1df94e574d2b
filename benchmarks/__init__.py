"""Measurements that the README states; each is a command that anybody can run."""
