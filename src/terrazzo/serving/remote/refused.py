"""Results of other machines that are not what their job should have made, and the form of what they state."""

from pydantic import BaseModel, ConfigDict

from terrazzo.errors import InputError


class RefusedResultError(InputError):
    """A result that is not what the job should have made."""


class Strict(BaseModel):
    """A JSON object with exactly these members, of exactly these types."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
