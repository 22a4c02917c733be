package site

import (
	"slices"
	"strings"
	"testing"

	"glacis/internal/policy"
)

func TestBuiltins(t *testing.T) {
	if len(builtins) != len(Builtins()) {
		t.Errorf("%d definitions give %d services: a name is given twice", len(builtins), len(Builtins()))
	}
	if len(Builtins()) < 80 {
		t.Errorf("only %d services", len(Builtins()))
	}
	for name, s := range Builtins() {
		if s.Name != name || !nameRegexp.MatchString(name) || len(name) > maxName {
			t.Errorf("%q is called %q", name, s.Name)
		}
		if s.Title == "" || s.Source == "" || len(s.Matches) == 0 || s.Range.File != "" {
			t.Errorf("%s is incomplete: %+v", name, s)
		}
		if policyName, isProto := policy.ProtoByName(name); isProto && (len(s.Matches) != 1 || s.Matches[0].Proto != policyName) {
			t.Errorf("%s is a protocol too, and means something else", name)
		}
		seen := map[string]bool{}
		for _, m := range s.Matches {
			if m.Any != (name == "any") || seen[m.String()] {
				t.Errorf("%s: match %v", name, m)
			}
			seen[m.String()] = true
		}
	}
	if !slices.IsSorted(BuiltinNames()) || len(BuiltinNames()) != len(Builtins()) {
		t.Error("names are not complete and sorted")
	}
}

// TestBuiltinPorts holds services against the registries by hand: IANA service
// names and port numbers unless said otherwise.
func TestBuiltinPorts(t *testing.T) {
	for name, want := range map[string]string{
		"any": "any", "icmp-echo": "icmp/8 icmpv6/128", "ping": "icmp/8 icmpv6/128",
		"traceroute": "udp/33434-33534 icmp/8 icmpv6/128", "gre": "gre", "esp": "esp", "ospf": "ospf",
		"dns": "udp/53 tcp/53", "domain": "udp/53 tcp/53", "http": "tcp/80", "https": "tcp/443", "http3": "udp/443",
		"ssh": "tcp/22", "telnet": "tcp/23", "ftp": "tcp/21", "tftp": "udp/69", "smtp": "tcp/25", "submission": "tcp/587",
		"submissions": "tcp/465", "imap": "tcp/143", "imaps": "tcp/993", "pop3": "tcp/110", "pop3s": "tcp/995",
		"ntp": "udp/123", "dhcp-server": "udp/67", "dhcp-client": "udp/68", "ldap": "tcp/389", "ldaps": "tcp/636",
		"kerberos": "tcp/88 udp/88", "kpasswd": "tcp/464 udp/464", "radius": "udp/1812", "tacacs": "tcp/49",
		"microsoft-ds": "tcp/445", "smb": "tcp/445", "epmap": "tcp/135", "ms-wbt-server": "tcp/3389 udp/3389", "winrm": "tcp/5985",
		"postgresql": "tcp/5432", "mysql": "tcp/3306", "ms-sql-s": "tcp/1433", "mongodb": "tcp/27017", "redis": "tcp/6379",
		"snmp": "udp/161", "snmptrap": "udp/162", "syslog": "udp/514", "syslog-tls": "tcp/6514", "nfs": "tcp/2049",
		"ipp": "tcp/631", "pdl-datastream": "tcp/9100", "sip": "udp/5060 tcp/5060", "sips": "tcp/5061", "mqtt": "tcp/1883",
		"bgp": "tcp/179", "openvpn": "udp/1194 tcp/1194", "wireguard": "udp/51820", "isakmp": "udp/500", "ipsec-nat-t": "udp/4500",
		"rsync": "tcp/873", "git": "tcp/9418", "vnc": "tcp/5900", "netbios-ssn": "tcp/139", "kubernetes-api": "tcp/6443",
	} {
		s := Builtins()[name]
		if s == nil {
			t.Errorf("no service %s", name)
			continue
		}
		var got []string
		for _, m := range s.Matches {
			got = append(got, m.String())
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is %v, want %s", name, got, want)
		}
	}
}

// TestEveryProtocolReadsBack: the name of a service in answers and logs can be
// written into a rule.
func TestEveryProtocolReadsBack(t *testing.T) {
	for proto := range 256 {
		m := policy.Match{Proto: uint8(proto)}
		back, err := parseMatch(m.String())
		if err != nil || back != m {
			t.Errorf("protocol %d is written as %s, which is read as %v, %v", proto, m, back, err)
		}
		if b := Builtins()[m.String()]; b != nil && b.Matches[0] != m {
			t.Errorf("protocol %d is written as %s, which is a service that means something else", proto, m)
		}
	}
}

func TestParseMatch(t *testing.T) {
	for text, want := range map[string]string{
		"any": "any", "tcp": "tcp", "tcp/5080": "tcp/5080", "udp/16384-32767": "udp/16384-32767", "tcp/0-65535": "tcp",
		"tcp/0-1023": "tcp/0-1023", "tcp/80 from 1024-65535": "tcp/80 from 1024-65535", "udp from 53": "udp from 53",
		"sctp/2905": "sctp/2905", "icmp": "icmp", "icmp/8": "icmp/8", "icmp/3/4": "icmp/3/4", "icmpv6/128": "icmpv6/128",
		"gre": "gre", "proto/47": "gre", "proto/6/80": "tcp/80", "proto/200": "proto/200", "proto/115": "proto/115",
	} {
		m, err := parseMatch(text)
		if err != nil || m.String() != want {
			t.Errorf("%q is %v, want %s; %v", text, m, want, err)
		}
	}
	for _, text := range []string{
		"", "tcp/", "tcp/0", "tcp/0-0", "tcp/65536", "tcp/9-8", "tcp/080", "tcp/+80", "tcp/80,443", "tcp/80/90", "tcp/80 from", "tcp/80 from ",
		"tcp/-1", "icmp/256", "icmp/8/0/0", "icmp from 1", "gre/47", "gre from 1", "proto", "proto/", "proto/256", "TCP/80", "tcp / 80", "any/1",
	} {
		if m, err := parseMatch(text); err == nil {
			t.Errorf("%q is read as %v", text, m)
		}
	}
}
