"""The look-alikes: what they share with their peers, and where they are right instead."""
