"""The base class of all models."""

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """An immutable model that is compared by value and rejects unknown fields."""

    # Validation errors must not repeat the input: a password may have been typed into any field.

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
