package main

import (
	"encoding/json"
	"strings"
	"testing"

	"glacis/internal/probe"
)

// TestJudge: what shows nothing must not pass, and neither must a fault that is
// not found.
func TestJudge(t *testing.T) {
	good := func() probe.Report {
		return probe.Report{Probes: 4000, Agree: 4000, Allowed: 1000, Dropped: 3000,
			Tags: []probe.Tag{{Interface: "core", VLAN: 10, Received: 5, Sent: 5}, {Interface: "dmz", VLAN: 20, Received: 5, Sent: 5}}}
	}
	sound := trial{Name: "site", Probes: enough, VLANs: []int{10, 20}}
	found := []probe.Disagreement{{Name: "a packet"}}
	for _, tt := range []struct {
		name  string
		trial trial
		exit  int
		edit  func(*probe.Report)
		want  string // part of what is wrong; "": nothing
	}{
		{"sound", sound, exitClean, func(*probe.Report) {}, ""},
		{"fault found", sound.broken("x"), exitFound, func(r *probe.Report) { r.Disagree = found }, ""},
		{"disagreement", sound, exitFound, func(r *probe.Report) { r.Disagree = found }, "1 disagreements"},
		{"disagreement, exit 0", sound, exitClean, func(r *probe.Report) { r.Disagree = found }, "1 disagreements"},
		{"exit 1", sound, 1, func(*probe.Report) {}, "exit 1"},
		{"not all agree", sound, exitClean, func(r *probe.Report) { r.Agree-- }, "3999 of 4000"},
		{"too few probes", sound, exitClean, func(r *probe.Report) { r.Probes, r.Agree = 3000, 3000 }, "only 3000 probes"},
		{"no probes", sound, exitClean, func(r *probe.Report) { *r = probe.Report{} }, "no tag"},
		{"nothing passes", sound, exitClean, func(r *probe.Report) { r.Allowed = 0 }, "shows nothing"},
		{"no tags", sound, exitClean, func(r *probe.Report) { r.Tags = nil }, "no tag"},
		{"a VLAN is missing", sound, exitClean, func(r *probe.Report) { r.Tags = r.Tags[:1] }, "tag 20"},
		{"a VLAN is silent", sound, exitClean, func(r *probe.Report) { r.Tags[0].Received = 0 }, "tag 10"},
		{"fault not found", sound.broken("x"), exitClean, func(*probe.Report) {}, "not found"},
		{"fault without tags", sound.broken("x"), exitFound, func(r *probe.Report) { r.Disagree, r.Tags = found, nil }, "no tag"},
		{"fault cannot be planted", sound.broken("x"), 1, func(*probe.Report) {}, "not found"},
	} {
		rep := good()
		tt.edit(&rep)
		text, err := json.Marshal(rep)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tt.trial.judge(result{Name: tt.trial.Name, Exit: tt.exit, Stdout: text})
		if got := err; (got == nil) != (tt.want == "") || got != nil && !strings.Contains(got.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, got, tt.want)
		}
	}
	if _, err := sound.judge(result{Stderr: "killed"}); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("no report: %v", err)
	}
}
