"""Measurements against named rivals; nothing here is imported by the library or asserted."""
