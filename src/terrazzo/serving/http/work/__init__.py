"""The routes of workers on other machines.

leases      who a worker is, and the job that it has leased
machines    which workers are there, and whether they can train
claiming    the next job of the queue as an order
routes      claim, heartbeat, downloads, files, finish, fail, release
"""
