"""Specs: from a YAML file to frozen values."""
