"""All rules, in the order in which their findings are shown: those about a rendering, and those about each Pod."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from strongroom.kubernetes.checking import (
    arguments,
    egress,
    enums,
    identity,
    images,
    jobs,
    naming,
    pod_security,
    ranges,
    references,
    resources,
    schedules,
    schemas,
    selections,
    systems,
    texts,
    variables,
    volumes,
)
from strongroom.kubernetes.checking.scene import Finding, Pod, Scene

RULES: tuple[Callable[[Scene], Iterator[Finding]], ...] = (
    schemas.demand_sound_shapes,
    enums.demand_known_words,
    ranges.demand_numbers_in_their_range,
    ranges.demand_fields_of_pods,
    ranges.demand_base64,
    naming.demand_names,
    naming.demand_each_object_once,
    naming.demand_a_namespace_that_is_there,
    naming.demand_labels,
    naming.demand_files_that_fit,
    texts.demand_readable_files,
    schedules.demand_schedules_that_fire,
    schedules.forbid_forgotten_pauses,
    schedules.demand_time_zones,
    schedules.demand_one_at_a_time,
    schedules.demand_a_late_start,
    schedules.demand_an_end_before_the_next_start,
    schedules.demand_a_history,
    schedules.forbid_meeting_on_a_volume,
    jobs.demand_ends,
    jobs.demand_a_grace,
    jobs.demand_restart_never,
    jobs.demand_our_policy,
    jobs.demand_rules_that_are_admitted,
    jobs.forbid_twins,
    jobs.demand_whole_indexes,
    arguments.demand_tasks_and_flags,
    arguments.forbid_trials_by_the_clock,
    arguments.demand_one_count,
    images.demand_digests,
    images.demand_one_version,
    pod_security.demand_namespaces,
    identity.forbid_tokens,
    identity.forbid_secrets_in_config_maps,
    identity.demand_files_that_can_be_read,
    resources.demand_readable_claims,
    volumes.demand_claims_that_are_there,
    volumes.demand_one_node_for_one_volume,
    volumes.demand_one_writer_at_a_time,
    references.demand_what_is_named,
    references.demand_variables_that_are_set,
    references.demand_makers,
    references.forbid_unused,
    systems.demand_systems,
    systems.demand_files_of_systems,
    variables.demand_files_of_variables,
    variables.demand_a_writable_home,
    variables.demand_known_variables,
    variables.demand_a_named_system,
    selections.demand_policies_for_somebody,
    selections.demand_peers,
    selections.demand_services_with_pods,
    selections.demand_neighbours,
    selections.demand_controllers_of_their_own_pods,
    selections.demand_rules_that_count,
    selections.demand_a_default_deny,
    egress.demand_ways_out,
)
RULES_OF_PODS: tuple[Callable[[Pod], Iterator[Finding]], ...] = (
    naming.demand_names_within_a_pod,
    images.demand_a_policy_that_can_pull,
    images.demand_servers_for_drills,
    pod_security.forbid_the_host,
    pod_security.forbid_asking_other_hosts,
    pod_security.allow_few_volumes,
    pod_security.forbid_privileges,
    pod_security.demand_a_user,
    pod_security.demand_seccomp,
    pod_security.allow_few_sysctls,
    pod_security.demand_a_read_only_root,
    identity.demand_tokens_for_somebody,
    identity.forbid_secrets_in_variables,
    identity.forbid_service_links,
    resources.demand_requests_and_limits,
    resources.demand_readable_quantities,
    resources.demand_small_folders_of_memory_and_disk,
    volumes.demand_declared_volumes,
    volumes.demand_mounted_volumes,
    volumes.demand_places_of_their_own,
    volumes.forbid_frozen_files,
    volumes.demand_private_secrets,
    volumes.demand_a_place_for_temporary_files,
    volumes.demand_writable_databases,
    volumes.forbid_links_out_of_volumes,
)


def judge(scene: Scene) -> tuple[Finding, ...]:
    """Return all that is wrong with a rendering, each fact once. Read-only.

    Raises UnreachableError where Kubernetes' schemas are not installed.
    """
    found = [finding for rule in RULES for finding in rule(scene)]
    found += [finding for rule in RULES_OF_PODS for pod in scene.pods for finding in rule(pod)]
    return tuple(dict.fromkeys(found))
