"""The version of this package; the build reads it from here, and so does `convrun --version`."""

VERSION = "0.1.0"
