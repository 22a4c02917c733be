package linux

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"glacis/internal/nft"
)

// nftTimeout bounds one run of nft; 100,000 elements take a few seconds.
const nftTimeout = 2 * time.Minute

// maxListing bounds what is read back from nft.
const maxListing = 256 << 20

// LoadRuleset puts the ruleset's tables in place of those of the same name, in
// one transaction: before it the old ones hold, after it the new ones. Other
// tables are left alone. The text is what an operator would load with nft -f.
func LoadRuleset(n *Namespace, r *nft.Ruleset) error {
	var text bytes.Buffer
	for _, t := range r.Tables {
		// Declared first, so that the deletion never fails.
		fmt.Fprintf(&text, "table %s %s\ndelete table %s %s\n", t.Family, t.Name, t.Family, t.Name)
	}
	if err := nft.Print(&text, r); err != nil {
		return err
	}
	_, err := runNFT(n, &text, "-f", "-")
	return err
}

// LoadText loads a ruleset that is written already.
func LoadText(n *Namespace, text string) error {
	_, err := runNFT(n, strings.NewReader(text), "-f", "-")
	return err
}

// ListRuleset reads back everything the kernel holds.
func ListRuleset(n *Namespace) (*nft.Ruleset, error) {
	out, err := runNFT(n, nil, "-j", "list", "ruleset")
	if err != nil {
		return nil, err
	}
	return nft.ReadJSON(out)
}

// FlushRuleset removes every table of the namespace.
func FlushRuleset(n *Namespace) error {
	_, err := runNFT(n, nil, "flush", "ruleset")
	return err
}

func runNFT(n *Namespace, stdin io.Reader, args ...string) (io.Reader, error) {
	ctx, cancel := context.WithTimeout(context.Background(), nftTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "nft", args...)
	cmd.Stdin = stdin
	var stderr bytes.Buffer
	stdout := &capped{most: maxListing}
	cmd.Stdout, cmd.Stderr = stdout, &stderr
	err := n.Do(cmd.Start) // a process begins where the thread is that starts it
	if err == nil {
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return nil, fmt.Errorf("nft: %s", strings.TrimSpace(first(stderr.String(), 2000)))
	case err != nil:
		return nil, fmt.Errorf("nft: %w", err)
	}
	return &stdout.Buffer, nil
}

func first(s string, n int) string {
	if len(s) > n {
		return s[:n] + " ..."
	}
	return s
}

// capped is a buffer that refuses to grow past its limit.
type capped struct {
	bytes.Buffer
	most int
}

func (c *capped) Write(p []byte) (int, error) {
	if c.Len()+len(p) > c.most {
		return 0, fmt.Errorf("more than %d MB", c.most>>20)
	}
	return c.Buffer.Write(p)
}
