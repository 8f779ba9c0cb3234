"""Stored inputs and their truths."""
