package lab

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"glacis/internal/privileged"
)

// TestMachinesTalk lets every machine of the enterprise try every service.
func TestMachinesTalk(t *testing.T) {
	privileged.Need(t)
	start := time.Now()
	l := newLab(t, enterprise(t))
	if err := errors.Join(l.AddHosts(context.Background()), l.Listen()); err != nil {
		t.Fatal(err)
	}
	built := time.Since(start)
	talks, err := l.Talk(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, talk := range talks {
		kind := talk.Predicted
		if kind != silence && kind != refused {
			kind = "answer"
		}
		count[kind]++
		if !talk.Agrees() {
			t.Errorf("%s, %s (%s): predicted %s by %s, observed %s", talk.From.Name, talk.Packet, talk.Service, talk.Predicted, talk.Rule, talk.Observed)
		}
	}
	t.Logf("%d conversations: %v; built in %v, in all %v", len(talks), count, built, time.Since(start))
	for _, kind := range []string{"answer", silence, refused} {
		if count[kind] == 0 {
			t.Errorf("no conversation was to end in %s", kind)
		}
	}
}

// TestTalkFindsFaults plants faults that conversations must notice.
func TestTalkFindsFaults(t *testing.T) {
	privileged.Need(t)
	l := newLab(t, enterprise(t))
	if err := errors.Join(l.AddHosts(context.Background()), l.Listen()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"snat-lost", "established-lost", "every-default-accept", "management-open"} {
		fault, _ := FaultNamed(name)
		if err := l.Reload(fault.Plant); err != nil {
			t.Fatal(err)
		}
		talks, err := l.Talk(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(talks, func(talk *Talk) bool { return !talk.Agrees() }) {
			t.Errorf("%s was not noticed: %s", name, fault.Means)
		}
	}
}
