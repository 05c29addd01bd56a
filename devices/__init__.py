"""Facts: what devices are, what they say, and how it is written down. No I/O, no clock."""
