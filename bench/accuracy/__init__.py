"""Measure every public function over its table of hard cases, for docs/reference."""
