"""The families of generative models, one module each, and the architectures of the families that have several."""
