"""The strategies that come with tradewind, one file each; they are loaded by path, as a user's own are."""
