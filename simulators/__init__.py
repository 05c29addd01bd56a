"""Pretenders: devices, wearers and load that speak to the hub only as real devices and partners would."""
