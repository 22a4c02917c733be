package nft

// Catalogue is a ruleset with everything in it, for tests from outside.
func Catalogue() *Ruleset { return catalogue() }
