"""The bots whose handlers block, for test_blocked.py."""
