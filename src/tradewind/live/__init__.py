"""The live loop: the core of a backtest driven by a venue, everything written down before it is acted on."""
