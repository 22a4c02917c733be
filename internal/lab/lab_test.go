package lab

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"glacis/internal/diag"
	"glacis/internal/policy"
	"glacis/internal/privileged"
	"glacis/internal/site"
)

var now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

func enterprise(t *testing.T) *policy.Site {
	t.Helper()
	return loadSite(t, "../../examples/enterprise")
}

func loadSite(t *testing.T, dir string) *policy.Site {
	t.Helper()
	s, diags, src := site.Load(os.DirFS(dir), site.Options{Now: now})
	if s == nil {
		diag.Render(os.Stderr, diags, src, false)
		t.Fatalf("%s does not load", dir)
	}
	return s
}

// newLab builds a lab that is taken down with the test.
func newLab(t *testing.T, s *policy.Site) *Lab {
	t.Helper()
	l, err := New(context.Background(), s, "test-"+strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")), Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func TestEnterpriseAgrees(t *testing.T) {
	privileged.Need(t)
	l := newLab(t, enterprise(t))
	rep, err := l.Probe(context.Background(), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(rep.Summary(), rep.Took)
	for k, d := range rep.Disagree {
		if k < 40 {
			t.Errorf("%s: %s\n  predicted %s\n  evaluated %s\n  observed  %s", d.Name, d.Packet, d.Predicted, d.Evaluated, d.Observed)
		}
	}
}
