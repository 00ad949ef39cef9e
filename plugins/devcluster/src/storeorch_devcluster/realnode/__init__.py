"""A node that really runs containers, for `storeorch_devcluster.RealNodeCluster`.

The node and its control plane live in a network namespace and a mount
namespace of their own, and in a control group of their own. So what they
change (interfaces, packet filter rules, routes, mounts, network settings) is
never a change of the machine, and goes when the last of their processes goes,
however that ends.
"""
