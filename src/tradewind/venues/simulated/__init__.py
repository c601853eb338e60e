"""The simulated venue behind the port: the engine's own kernel as an exchange, in this process or in another."""
