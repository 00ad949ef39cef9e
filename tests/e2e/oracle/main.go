// Says of connections between pods whether NetworkPolicies permit them, by
// cyclonus: a second opinion for the tests of the node's agent.
//
// Each line of standard input is a JSON object with policies and traffic, each
// line of standard output a list with ingress and egress for each traffic.
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

type peer struct {
	IP              string            `json:"ip"`
	Namespace       string            `json:"namespace"`
	NamespaceLabels map[string]string `json:"namespaceLabels"`
	PodLabels       map[string]string `json:"podLabels"`
}

type connection struct {
	Source      peer   `json:"source"`
	Destination peer   `json:"destination"`
	Port        int    `json:"port"`
	PortName    string `json:"portName"`
	Protocol    string `json:"protocol"`
}

type question struct {
	Policies []*networkingv1.NetworkPolicy `json:"policies"`
	Traffic  []connection                  `json:"traffic"`
}

func (p peer) traffic() *matcher.TrafficPeer {
	if p.Namespace == "" {
		return &matcher.TrafficPeer{IP: p.IP}
	}
	internal := &matcher.InternalPeer{
		PodLabels:       p.PodLabels,
		NamespaceLabels: p.NamespaceLabels,
		Namespace:       p.Namespace,
	}
	return &matcher.TrafficPeer{IP: p.IP, Internal: internal}
}

func answer(asked question) [][2]bool {
	policy := matcher.BuildNetworkPolicies(false, asked.Policies)
	answers := make([][2]bool, 0, len(asked.Traffic))
	for _, c := range asked.Traffic {
		result := policy.IsTrafficAllowed(&matcher.Traffic{
			Source:           c.Source.traffic(),
			Destination:      c.Destination.traffic(),
			ResolvedPort:     c.Port,
			ResolvedPortName: c.PortName,
			Protocol:         corev1.Protocol(c.Protocol),
		})
		answers = append(answers, [2]bool{result.Ingress.IsAllowed(), result.Egress.IsAllowed()})
	}
	return answers
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	for decoder := json.NewDecoder(lines); decoder.More(); {
		var asked question
		if err := decoder.Decode(&asked); err != nil {
			log.Fatal(err)
		}
		if err := output.Encode(answer(asked)); err != nil {
			log.Fatal(err)
		}
	}
}
