"""What all values share."""

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """A frozen value: compared by content, refuses fields it does not know.

    Its errors do not repeat the input: somebody may have typed a password into it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
