"""The sampler inside Lightning, Transformers and Keras: an example each, and a comparison."""
