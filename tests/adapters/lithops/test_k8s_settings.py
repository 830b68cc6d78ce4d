"""
Lithops' own pods: changed where Lithops lets them be, as the table ``k8s`` says, and left alone otherwise.
"""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
from greensdk_lithops.backends import BACKENDS
from greensdk_lithops.k8s import prepare

from greensdk.configure.spec import make_spec, resolved
from greensdk.errors import ConfigError

THEIRS = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


class Backend:
    """
    As much of Lithops' backend as a Job passes through.
    """

    master_name = "lithops-master-me"
    rabbitmq_executor = False

    def _apply_security_context(self, job):
        job["spec"]["template"]["spec"]["containers"][0]["securityContext"] = THEIRS


def prepared(backend, table=None, **energy):
    """
    Return the energy settings of an executor that was prepared.
    """
    settings = make_spec(energy, None if table is None else {"k8s": table})
    executor = SimpleNamespace(compute_handler=SimpleNamespace(backend=backend), backend="k8s")
    prepare(executor, settings)
    return settings


def job_of(backend, name="lithops-a-0-m000"):
    """
    Return the pod of a Job that has passed through the backend.
    """
    first = [{"name": name, "value": ""} for name in ("ACTION", "DATA", "MASTER_POD_IP")]
    container = {"name": "lithops", "env": first, "resources": {"limits": {"cpu": "1"}}}
    job = {"metadata": {"name": name}, "spec": {"template": {"spec": {"containers": [container]}}}}
    backend._apply_security_context(job)
    return job["spec"]["template"]["spec"]


def test_lithops_name_of_the_backend_leads_here():
    """
    An executor finds what prepares it by the name.
    """
    assert "greensdk_lithops.k8s:prepare" == BACKENDS["k8s"]


def test_by_default_a_pod_learns_its_names_and_nothing_else_changes():
    """
    Variables behind those that Lithops fills in by their place; no volume, which some clusters refuse; its own rights.
    """
    backend = Backend()
    settings = prepared(backend)
    pod = job_of(backend)
    (container,) = pod["containers"]
    names = [variable["name"] for variable in container["env"]]
    assert ["ACTION", "DATA", "MASTER_POD_IP"] == names[:3]
    assert ["GREENSDK_NODE", "GREENSDK_NAMESPACE", "GREENSDK_POD", "GREENSDK_POD_UID"] == names[3:]
    assert [["containers"], THEIRS, {}] == [list(pod), container["securityContext"], dict(settings)]


def test_the_restricted_variant_adds_the_counters_and_keeps_lithops_settings():
    """
    Rights that the configuration of Lithops names win over ours, and its object is not changed by us.
    """
    backend, before = Backend(), copy.deepcopy(THEIRS)
    settings = prepared(backend, {"variant": "restricted"})
    pod = job_of(backend)
    (container,) = pod["containers"]
    rights = container["securityContext"]
    assert [1000, True, {"drop": ["ALL"]}] == [rights["runAsUser"], rights["runAsNonRoot"], rights["capabilities"]]
    assert ["/sys/class/powercap", "/sys/devices/virtual/powercap"] == [
        volume["hostPath"]["path"] for volume in pod["volumes"]
    ]
    assert {"rapl": {"root": "/host/sys/class/powercap"}} == dict(settings)
    assert before == THEIRS


def test_the_privileged_variant_has_the_rights_that_it_needs():
    """
    Whatever the configuration of Lithops says of capabilities.
    """
    backend = Backend()
    prepared(backend, {"variant": "privileged"})
    rights = job_of(backend)["containers"][0]["securityContext"]
    assert [0, False] == [rights["runAsUser"], rights["runAsNonRoot"]]
    assert ["BPF", "DAC_READ_SEARCH", "PERFMON", "SYS_PTRACE"] == rights["capabilities"]["add"]


def test_pods_that_measure_nothing_get_nothing():
    """
    The master, and the Job that asks an image for its packages.
    """
    backend = Backend()
    prepared(backend, {"variant": "privileged"})
    for name in ("lithops-master-me", "lithops-worker-380-0123456789-meta"):
        pod = job_of(backend, name)
        assert [["containers"], THEIRS, 3] == [
            list(pod),
            pod["containers"][0]["securityContext"],
            len(pod["containers"][0]["env"]),
        ]


def test_where_the_counters_are_travels_with_the_functions():
    """
    Workers read no configuration; what the user has said of a monitor stays.
    """
    backend = Backend()
    table = {"agent": True, "coarsen_ms": 20, "agent_root": "/run/mine"}
    assert {
        "rapl": {"root": "/run/mine/powercap", "update_interval_s": 0.02},
        "ebpf": {"root": "/run/mine"},
    } == dict(prepared(backend, table))
    settings = prepared(Backend(), {"variant": "restricted"}, monitors=["rapl"])
    assert [["rapl", "greensdk_rapl:RaplMonitor", {"root": "/host/sys/class/powercap"}, "named"]] == resolved(settings)[
        "sources"
    ]
    mine = make_spec({}, {"k8s": {"variant": "restricted"}, "rapl": {"root": "/mine", "max_power_w": 9.0}})
    prepare(SimpleNamespace(compute_handler=SimpleNamespace(backend=Backend())), mine)
    assert {"root": "/mine", "max_power_w": 9.0} == mine["rapl"]


def test_workers_run_where_the_counters_are():
    """
    On nodes with these labels.
    """
    backend = Backend()
    prepared(backend, {"node_selector": {"rapl": "true"}})
    assert {"rapl": "true"} == job_of(backend)["nodeSelector"]


def test_workers_join_the_groups_of_agent_and_configuration():
    """
    Both.
    """

    class Grouped(Backend):
        def _apply_security_context(self, job):
            job["spec"]["template"]["spec"]["securityContext"] = {"supplementalGroups": [5], "fsGroup": 7}

    backend = Grouped()
    prepared(backend, {"agent": True, "group": 99})
    assert {"supplementalGroups": [5, 99], "fsGroup": 7} == job_of(backend)["securityContext"]


@pytest.mark.parametrize("variant", ["plain", "restricted"])
def test_pods_with_an_agent_may_call_bpf(variant):
    """
    The runtime's seccomp filter would refuse it; no other capability comes back, and theirs is not changed.
    """
    backend, before = Backend(), copy.deepcopy(THEIRS)
    prepared(backend, {"agent": True, "variant": variant})
    rights = job_of(backend)["containers"][0]["securityContext"]
    assert {"drop": ["ALL"], "add": ["BPF"]} == rights["capabilities"]
    assert [False, before] == [rights["allowPrivilegeEscalation"], THEIRS]


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"varaint": "restricted"}, "unknown key of [k8s] 'varaint'; did you mean 'variant'?"),
        ({"node_selector": "rapl"}, "node_selector = 'rapl': expected Mapping[str, str]"),
        ({"variant": "root"}, "variant = 'root': expected one of plain, restricted, privileged"),
        ({"group": "green"}, "group = 'green': expected int"),
        ({"coarsen_ms": 10}, "coarsen_ms needs agent = true"),
        ({"agent": True, "coarsen_ms": 0}, "coarsen_ms needs agent = true, and must be 1 or more"),
        ({"all_privileges": True}, "all_privileges needs variant = 'privileged', not 'plain'"),
        ({"agent_root": "run"}, "agent_root = 'run': expected an absolute path"),
    ],
)
def test_a_wrong_key_is_said_at_once(table, text):
    """
    When the executor is made, before a job is sent.
    """
    with pytest.raises(ConfigError) as error:
        prepared(Backend(), table)
    assert text in str(error.value)


def test_a_lithops_that_lets_nothing_be_changed_is_an_error_only_for_who_asks():
    """
    Before 3.7 there is no such place; jobs run there as they did.
    """
    pytest.importorskip("lithops")
    backend = SimpleNamespace(master_name="m")
    assert {} == dict(prepared(backend))
    with pytest.raises(ConfigError, match=r"can't change its pods: pip install 'lithops>=3\.7'"):
        prepared(backend, {"variant": "restricted"})


def test_pods_of_rabbitmq_do_not_pass_through_the_place():
    """
    Lithops makes them elsewhere.
    """
    backend = Backend()
    backend.rabbitmq_executor = True
    assert {} == dict(prepared(backend))
    with pytest.raises(ConfigError, match="rabbitmq_executor"):
        prepared(backend, {})
