"""Measure every public function over its table of hard cases, and write docs/accuracy.md."""
