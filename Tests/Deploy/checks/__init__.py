"""What is wrong with a manifest in `deploy/`: one module for each platform.

Each has `problems(path)`, which answers a list of sentences, empty for a good manifest. They judge what the platform
would refuse (by its own schema where one is to be had offline) and what it would accept and we must not: a second
instance, a health check that kills a restore, rights beyond the prefix.
"""
