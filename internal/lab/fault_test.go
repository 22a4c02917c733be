package lab

import (
	"context"
	"slices"
	"testing"

	"glacis/internal/privileged"
)

// beyondRules are faults in what a node is besides its ruleset: they need a lab
// of their own.
var beyondRules = []string{"forwarding-off", "loose-tracking", "route-missing"}

// TestEveryFaultIsFound plants each fault in the enterprise and demands that the
// lab reports it, because the kernel really does something else than the model
// says.
func TestEveryFaultIsFound(t *testing.T) {
	privileged.Need(t)
	if len(Faults) < 25 {
		t.Fatalf("only %d faults", len(Faults))
	}
	site := enterprise(t)
	l, err := New(context.Background(), site, "faults", Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { l.Close() }()
	for _, f := range Faults {
		t.Run(f.Name, func(t *testing.T) {
			under := l
			if slices.Contains(beyondRules, f.Name) {
				var err error
				if under, err = New(context.Background(), site, "fault", Options{Now: now, Inject: f.Plant}); err != nil {
					t.Fatal(err)
				}
				defer under.Close()
			} else if err := l.Reload(f.Plant); err != nil {
				t.Fatal(err)
			}
			rep, err := under.Probe(context.Background(), true, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(rep.Disagree) == 0 {
				t.Fatalf("not found: %s", f.Means)
			}
			d := rep.Disagree[0]
			if !d.Real {
				t.Errorf("only the evaluator saw it: %+v", d)
			}
			t.Logf("%s: %s: predicted %s, observed %s (%v)", d.Name, d.Packet, d.Predicted, d.Observed, rep.Took)
		})
	}
}
