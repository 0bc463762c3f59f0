"""Models behind the engine's Backend seam: wire formats, providers, and the two models that need nothing."""
