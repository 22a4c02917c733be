package compile

import (
	"fmt"
	"time"

	"glacis/internal/nft"
	"glacis/internal/policy"
)

// Drops are logged at most this fast for each source, so that a flood can
// neither fill the disk nor hide another source.
const (
	logRate  = 5  // a second
	logBurst = 20 // packets
)

// logSnaplen is how much of a packet is logged: the headers.
const logSnaplen = 128

const maxLogPrefix = 127 // NF_LOG_PREFIXLEN less its end

// pairLabel names a zone pair in logs and comments.
func pairLabel(from, to *policy.Zone) string {
	return policy.ZoneName(from) + ">" + policy.ZoneName(to)
}

// dropTail ends a chain: log, count, drop. why says what was dropped.
func (b *builder) dropTail(c *nft.Chain, why, counter string) {
	for _, f := range families {
		add(c, "", b.logRated(f), b.logStmt("drop", why))
	}
	add(c, "", b.counter(counter, ""), drop())
}

// logRated matches while the packet's source is under the log rate.
func (b *builder) logRated(f family) nft.Stmt {
	return nft.Update{
		Set: b.dynamicSet(f, "logged"+f.digit, 65535), Key: []nft.Field{f.saddr},
		Limit: &nft.Limit{Rate: logRate, Per: "second", Burst: logBurst},
	}
}

func (b *builder) logStmt(what, why string) nft.Stmt {
	prefix := fmt.Sprintf("glacis %s %s ", what, why)
	if len(prefix) > maxLogPrefix {
		b.diags.Errorf(b.site.Range, "name-too-long", "the log prefix %q is longer than %d characters", prefix, maxLogPrefix).
			Fix = "give the zones or the rule shorter names"
	}
	return nft.Log{Prefix: prefix, Group: LogGroup, Snaplen: logSnaplen}
}

// dynamicTimeout is how long an idle source is remembered: long enough to
// refill any burst the language allows, short enough to keep the sets small.
const dynamicTimeout = 10 * time.Second

func (b *builder) dynamicSet(f family, name string, size int) string {
	return b.set(&nft.Set{Name: name, Key: []nft.Type{f.key}, Dynamic: true, Timeout: dynamicTimeout, Size: size})
}
