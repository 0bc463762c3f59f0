"""A first project: the files that `convrun init` lays, as they are, and the code that lays them."""
