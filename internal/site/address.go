package site

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"glacis/internal/diag"

	"go4.org/netipx"
)

// plainAddr refuses what netip reads and the model does not hold: an IPv4
// address written as IPv6, or one that means something on one link only.
func plainAddr(a netip.Addr) error {
	switch {
	case a.Is4In6():
		return fmt.Errorf("write %s as IPv4", a.Unmap())
	case a.Zone() != "":
		return fmt.Errorf("leave out %%%s: a scope means something on one machine only", a.Zone())
	}
	return nil
}

// addressFix says what to do about text that netip does not read.
func addressFix(err error) string {
	if strings.Contains(err.Error(), "leading zero") {
		return "leave out leading zeros: some programs read such numbers as octal"
	}
	return "write it like 192.0.2.10 or \"2001:db8::10\""
}

func (d *decoder) addr(v value) (netip.Addr, bool) {
	a, err := netip.ParseAddr(v.Value)
	host, length, isNetwork := strings.Cut(v.Value, "/")
	switch {
	case err != nil && isNetwork:
		d.diags.Errorf(v.at(), "bad-address", "%q is a network, and an address is wanted here", v.Value).Fix = fmt.Sprintf("write %s, without /%s", host, length)
	case err != nil:
		d.diags.Errorf(v.at(), "bad-address", "%q is not an IP address", v.Value).Fix = addressFix(err)
	case plainAddr(a) != nil:
		d.diags.Errorf(v.at(), "bad-address", "%q is not a plain IP address", v.Value).Fix = plainAddr(a).Error()
	default:
		return a, true
	}
	return netip.Addr{}, false
}

// addrs reads addresses, at most one a family if single is set.
func (d *decoder) addrs(items []value, single bool) []netip.Addr {
	var out []netip.Addr
	for _, item := range items {
		a, ok := d.addr(item)
		if !ok {
			continue
		}
		if single && slices.ContainsFunc(out, func(b netip.Addr) bool { return a.Is4() == b.Is4() }) {
			d.diags.Errorf(item.at(), "two-addresses", "%s is a second address of the same family", a).Fix = "give at most one IPv4 and one IPv6 address"
			continue
		}
		out = append(out, a)
	}
	return out
}

// placeOf gives the place of the address among the values it was read from.
func placeOf(a netip.Addr, items []value) diag.Range {
	for _, v := range items {
		if b, err := netip.ParseAddr(v.Value); err == nil && a == b {
			return v.at()
		}
	}
	return items[0].at()
}

// subnet reads an address with the length of its subnet.
func (d *decoder) subnet(v value) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(v.Value)
	_, bare := netip.ParseAddr(v.Value)
	switch {
	case err != nil && bare == nil:
		d.diags.Errorf(v.at(), "bad-network", "%q has no length", v.Value).Fix = "write the length of the subnet behind it, such as 192.0.2.1/24 or \"2001:db8::1/64\""
	case err != nil:
		d.diags.Errorf(v.at(), "bad-network", "%q is not an address with the length of its subnet", v.Value).Fix = "write it like 192.0.2.1/24 or \"2001:db8::1/64\""
	case plainAddr(p.Addr()) != nil:
		d.diags.Errorf(v.at(), "bad-network", "%q is not a plain IP address", v.Value).Fix = plainAddr(p.Addr()).Error()
	default:
		return p, true
	}
	return netip.Prefix{}, false
}

// network reads a network, or an address as the network of itself.
func (d *decoder) network(v value) (netip.Prefix, bool) {
	p, err := parseNetwork(v.Value)
	if bits := (hostBits{}); errors.As(err, &bits) {
		d.diags.Errorf(v.at(), "host-bits", "%s is not a network: it has bits set beyond its length", v.Value).Fix = bits.fix()
		return p, false
	}
	if err != nil {
		d.diags.Errorf(v.at(), "bad-network", "%q is not a network", v.Value).Fix = err.Error()
	}
	return p, err == nil
}

// hostBits is the error of a network that is written with an address inside it:
// was the address meant, or the network?
type hostBits struct{ prefix netip.Prefix }

func (e hostBits) Error() string { return e.fix() }

func (e hostBits) fix() string {
	return fmt.Sprintf("write %s for the network, or %s for the one address", e.prefix.Masked(), e.prefix.Addr())
}

func parseNetwork(text string) (netip.Prefix, error) {
	a, err := netip.ParseAddr(text)
	if err == nil {
		return netip.PrefixFrom(a.WithZone(""), a.BitLen()), plainAddr(a)
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil && strings.Contains(err.Error(), "leading zero"):
		return p, errors.New(addressFix(err))
	case err != nil:
		return p, errors.New("write it like 192.0.2.0/24 or \"2001:db8::/64\"")
	case plainAddr(p.Addr()) != nil:
		return p, plainAddr(p.Addr())
	case p != p.Masked():
		return p, hostBits{p}
	}
	return p, nil
}

// addresses reads an address, a network or a range first-last as a set. Its
// error says how to write it.
func addresses(text string) (*netipx.IPSet, error) {
	var b netipx.IPSetBuilder
	if first, last, isRange := strings.Cut(text, "-"); isRange {
		r, err := parseRange(first, last)
		if err != nil {
			return nil, err
		}
		b.AddRange(r)
		return b.IPSet()
	}
	p, err := parseNetwork(text)
	if err != nil {
		return nil, err
	}
	b.AddPrefix(p)
	return b.IPSet()
}

func parseRange(first, last string) (netipx.IPRange, error) {
	from, err1 := netip.ParseAddr(first)
	to, err2 := netip.ParseAddr(last)
	if err1 != nil || err2 != nil {
		return netipx.IPRange{}, errors.New("write a range like 192.0.2.1-192.0.2.9, both ends whole addresses")
	}
	if err := errors.Join(plainAddr(from), plainAddr(to)); err != nil {
		return netipx.IPRange{}, err
	}
	switch {
	case from.Is4() != to.Is4():
		return netipx.IPRange{}, errors.New("both ends of a range are of one family")
	case to.Less(from):
		return netipx.IPRange{}, fmt.Errorf("the range runs backwards: write %s-%s", to, from)
	}
	return netipx.IPRangeFrom(from, to), nil
}
