package linux

import (
	"errors"
	"fmt"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// VLAN makes an 802.1Q link on a device.
func (n *Namespace) VLAN(device, name string, tag int) error {
	parent, err := n.link(device)
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex = name, parent.Attrs().Index
	if err := n.handle.LinkAdd(&netlink.Vlan{LinkAttrs: attrs, VlanId: tag, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q}); err != nil {
		return fmt.Errorf("VLAN %d on %s in %s: %w", tag, device, n.Name, err)
	}
	return nil
}

// VLANLink is an 802.1Q link as the kernel has it.
type VLANLink struct {
	Tag            int
	Received, Sent uint64 // frames with the tag since the link was made
}

// VLANLink describes a link; false if it is none of 802.1Q.
func (n *Namespace) VLANLink(name string) (VLANLink, bool, error) {
	l, err := n.link(name)
	if err != nil {
		return VLANLink{}, false, err
	}
	v, ok := l.(*netlink.Vlan)
	if !ok || v.VlanProtocol != netlink.VLAN_PROTOCOL_8021Q || v.Statistics == nil {
		return VLANLink{}, false, nil
	}
	return VLANLink{v.VlanId, v.Statistics.RxPackets, v.Statistics.TxPackets}, true, nil
}

// VLANBridge makes a bridge that keeps VLANs apart. A port of it belongs to
// none by itself, not even to VLAN 1: what it is not given it does not carry.
func (n *Namespace) VLANBridge(name string) error {
	filter, none := true, uint16(0)
	return n.addBridge(name, netlink.Bridge{VlanFiltering: &filter, VlanDefaultPVID: &none})
}

// PortVLAN is how a VLAN passes a bridge port, as in bridge(8).
type PortVLAN struct {
	Tag      int
	Own      bool // frames that come in without a tag belong to it: its PVID
	Untagged bool // its frames go out without the tag
}

// AddPortVLAN lets a VLAN pass a port of a bridge that keeps VLANs apart.
func (n *Namespace) AddPortVLAN(port string, v PortVLAN) error {
	l, err := n.link(port)
	if err != nil {
		return err
	}
	if err := n.handle.BridgeVlanAdd(l, uint16(v.Tag), v.Own, v.Untagged, false, false); err != nil {
		return fmt.Errorf("VLAN %d on port %s in %s: %w", v.Tag, port, n.Name, err)
	}
	return nil
}

// Has8021Q reports whether this kernel can make VLAN links and bridges that
// keep VLANs apart, by trying.
func Has8021Q() (bool, error) {
	n, err := NewNamespace(fmt.Sprintf("glacis-try-vlan-%d", os.Getpid()))
	if err != nil {
		return false, err
	}
	defer n.Close()
	err = n.VLANBridge("try")
	if err == nil {
		err = n.VLAN("try", "try.7", 7)
	}
	if errors.Is(err, unix.EOPNOTSUPP) {
		return false, nil
	}
	return err == nil, err
}
