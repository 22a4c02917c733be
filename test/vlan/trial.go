package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"glacis/internal/lab"
	"glacis/internal/probe"
	"glacis/internal/site"
)

// trial is one run of the lab in the guest, and what it must show.
type trial struct {
	Name   string
	Site   string
	Args   []string
	Fault  bool  // planted: the lab must find it
	Probes int   // at least so many
	VLANs  []int // that must carry frames with their tags
}

// Sites of trials: the large one must agree; the small one, besides, must not
// with a fault in its wiring.
const (
	large = "enterprise"
	small = "one-cable"

	enough = 3001 // probes the large one must come to
)

// trials are those of the sites, which are directories by name.
func trials(sites map[string]string) ([]trial, error) {
	enterprise, err := sound(sites, large, enough)
	if err != nil {
		return nil, err
	}
	oneCable, err := sound(sites, small, 1)
	out := []trial{enterprise, oneCable}
	for _, f := range lab.WiringFaults {
		out = append(out, oneCable.broken(f.Name))
	}
	return out, err
}

// sound is the trial of a site as it is.
func sound(sites map[string]string, name string, probes int) (trial, error) {
	s, diags, _ := site.Load(os.DirFS(sites[name]), site.Options{Now: at})
	if s == nil {
		return trial{}, fmt.Errorf("site %s: %w", name, diags)
	}
	t := trial{Name: name, Site: name, Args: []string{"lab", "test", "/" + siteDir + "/" + name, "--json", "--at", at.Format(time.DateOnly)}, Probes: probes}
	for _, i := range s.Firewall.Interfaces {
		if i.VLAN != 0 {
			t.VLANs = append(t.VLANs, i.VLAN)
		}
	}
	return t, nil
}

// at is the day that trials are judged as of: the sites' exceptions expire.
var at = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)

// broken is the same with a fault.
func (t trial) broken(fault string) trial {
	t.Name += ", " + fault
	t.Args = append(t.Args[:len(t.Args):len(t.Args)], "--fault", fault)
	t.Fault = true
	return t
}

// Exit codes of the command.
const (
	exitClean = 0
	exitFound = 3
)

// judge says what is wrong with a result. A run that found nothing because it
// sent nothing, or without tags, shows nothing.
func (t trial) judge(r result) (probe.Report, error) {
	var rep probe.Report
	if err := json.Unmarshal(r.Stdout, &rep); err != nil {
		return rep, fmt.Errorf("exit %d, no report: %s", r.Exit, r.Stderr)
	}
	tagged := map[int]bool{}
	for _, tag := range rep.Tags {
		tagged[tag.VLAN] = tag.Received > 0 && tag.Sent > 0
	}
	if len(rep.Tags) == 0 {
		return rep, errors.New("no tag was real")
	}
	switch {
	case rep.Probes < t.Probes:
		return rep, fmt.Errorf("only %d probes", rep.Probes)
	case t.Fault && (r.Exit != exitFound || len(rep.Disagree) == 0):
		return rep, fmt.Errorf("exit %d: the fault was not found", r.Exit)
	case t.Fault:
		return rep, nil
	case r.Exit != exitClean || len(rep.Disagree) > 0 || rep.Agree != rep.Probes:
		return rep, fmt.Errorf("exit %d, %d of %d agree, %d disagreements", r.Exit, rep.Agree, rep.Probes, len(rep.Disagree))
	case rep.Allowed == 0 || rep.Dropped == 0:
		return rep, fmt.Errorf("%d probes were let pass and %d dropped: that shows nothing", rep.Allowed, rep.Dropped)
	}
	for _, vlan := range t.VLANs {
		if !tagged[vlan] {
			return rep, fmt.Errorf("nothing went both ways with tag %d", vlan)
		}
	}
	return rep, nil
}
