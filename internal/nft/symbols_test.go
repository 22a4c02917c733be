package nft

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"glacis/internal/privileged"
)

// TestProtocolsNeedNoFile loads every protocol as it is printed where there is
// no /etc/protocols.
func TestProtocolsNeedNoFile(t *testing.T) {
	privileged.Need(t)
	var text strings.Builder
	for n := range uint64(256) {
		fmt.Fprintf(&text, "add rule inet t c meta l4proto %s accept\n", numberText(n, L4Proto))
	}
	cmd := exec.Command("unshare", "--net", "--mount", "sh", "-c", "{ ! test -e /etc/protocols || mount --bind /dev/null /etc/protocols; } && exec nft --check --file -")
	cmd.Stdin = strings.NewReader("add table inet t\nadd chain inet t c\n" + text.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
