"""The families of generative models, one module each, and the published models of these families."""
