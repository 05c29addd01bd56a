"""Peers: who is counted in which bin, the daily snapshot of what may be told, and answers from it alone."""
