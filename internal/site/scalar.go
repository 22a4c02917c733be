package site

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"glacis/internal/policy"

	"go.yaml.in/yaml/v4"
)

// number reads a whole number from 1 to most.
func (d *decoder) number(v value, key string, most int) (int, bool) {
	n, err := strconv.Atoi(v.Value)
	switch {
	case err != nil || v.Tag != "!!int" || v.Value != strconv.Itoa(n):
		d.diags.Errorf(v.at(), "bad-number", "%q is a whole number, not %s", key, v.written()).Fix = fmt.Sprintf("write 1 to %d: digits only, no quotes and no leading zero", most)
	case n < 1 || n > most:
		d.diags.Errorf(v.at(), "bad-number", "%q is 1 to %d, not %d", key, most, n).Fix = fmt.Sprintf("write 1 to %d, or leave %s out", most, key)
	default:
		return n, true
	}
	return 0, false
}

// number returns a key's whole number, 0 if it is not given.
func (m mapping) number(key string) int {
	n, _ := strconv.Atoi(m.word(key)) // it fits its shape
	return n
}

var nameRegexp = regexp.MustCompile(namePattern)

// Longest names: the ruleset's chains, counters and log prefixes are made of
// them and the kernel's own limits are 127.
const (
	maxName     = 32
	maxRuleName = 40
)

// reserved are the words of the language that nothing can be named.
var reserved = []string{"any", "firewall"}

// name checks a name that the site gives to something.
func (d *decoder) name(v value, most int) (string, bool) {
	switch {
	case v.Kind != yaml.ScalarNode || !nameRegexp.MatchString(v.Value):
		d.diags.Errorf(v.at(), "bad-name", "%s is not a name", v.written()).Fix = "use letters, digits, - and _, beginning with a letter"
	case len(v.Value) > most:
		d.diags.Errorf(v.at(), "long-name", "a name of %d characters, and at most %d are wanted here", len(v.Value), most).Fix = "shorten it: counters, logs and the kernel's own names are made of it"
	case slices.Contains(reserved, v.Value):
		d.diags.Errorf(v.at(), "reserved-name", "%q is a word of the language", v.Value).Fix = "choose another name"
	default:
		return v.Value, true
	}
	return "", false
}

// rate returns a key's rate such as 200/s, 0 if it is not given.
func (m mapping) rate(key string) int {
	n, _ := strconv.Atoi(strings.TrimSuffix(m.word(key), "/s")) // it fits its pattern
	return n
}

func (d *decoder) duration(v value, least, most time.Duration) (time.Duration, bool) {
	t, err := time.ParseDuration(v.Value)
	if err != nil || t < least || t > most {
		d.diags.Errorf(v.at(), "bad-duration", "%q is not a time from %v to %v", v.Value, least, most).Fix = "write it like 300ms or 1s"
		return 0, false
	}
	return t, true
}

// date reads the last day of something.
func (d *decoder) date(v value) (time.Time, bool) {
	t, err := time.Parse(time.DateOnly, v.Value)
	if err != nil {
		d.diags.Errorf(v.at(), "bad-date", "there is no day %s", v.Value).Fix = "write a day of the calendar, like 2027-06-30"
		return time.Time{}, false
	}
	return t, true
}

// device checks the kernel's name of a link: at most 15 characters, tag
// included, and none of which a path or nft would make something else.
func (d *decoder) device(v value, vlan int) string {
	link := policy.LinkName(v.Value, vlan)
	if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`).MatchString(v.Value) || len(link) > 15 || v.Value == "lo" || v.Value == "all" || v.Value == "default" {
		d.diags.Errorf(v.at(), "bad-device", "%q is not the name of a network device", link).Fix = "letters, digits, - and _, at most 15 characters with the VLAN tag; not lo"
	}
	return v.Value
}
