"""Other machines that compute, by `terrazzo work`: everything goes over HTTP.

order        what a machine needs for a job, as both sides read it
token        the token of a worker
connection   the server, as a worker calls it
fetching     an order becomes an assignment of this machine: downloads, checked
computing    the worker: claim, compute, send, and do it again
heart        tells the server that the worker lives and how far it is
receiving    the server's side of a result: known names, checked, published
improved     the same of an improved model
refused      results that are not what their job should have made
"""
