"""What a write has to pass: validation of the object, policies, webhooks and quotas."""

from deployments.simulators.kubernetes.admission.policies import Admission, AdmissionRule
from deployments.simulators.kubernetes.admission.validation import check_body_size, check_secret

__all__ = ["Admission", "AdmissionRule", "check_body_size", "check_secret"]
