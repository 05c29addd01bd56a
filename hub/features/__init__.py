"""Daily features: kept as data arrives, found anew from history, and told by whoever had them before."""
