"""Counting over all processes, of this machine and others: where, how, and what becomes of it when that is away."""
