package linux

import (
	"fmt"

	"github.com/vishvananda/netlink"
)

// FlushConntrack makes the namespace's kernel forget every connection.
func FlushConntrack(n *Namespace) error {
	if err := n.handle.ConntrackTableFlush(netlink.ConntrackTable); err != nil {
		return fmt.Errorf("forget connections in %s: %w", n.Name, err)
	}
	return nil
}
