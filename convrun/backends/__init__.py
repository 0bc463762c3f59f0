"""Models that answer the engine: encoders, decoders and the transports that go live."""
