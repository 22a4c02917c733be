package compile

import (
	"math"

	"glacis/internal/diag"
	"glacis/internal/policy"
)

// CompileUnmerged writes every rule as lines of its own: slow and obvious, to
// hold merged runs against.
func CompileUnmerged(site *policy.Site, node string, opt Options) (*Config, diag.List) {
	return compile(site, node, opt, math.MaxInt)
}
