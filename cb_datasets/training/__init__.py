"""What trainers read: conversations, token ids with masks, and the files that each of them opens.

In: Ds, Dr and pairs as they are stored. Out: the same rows in the shapes of trainers; nothing of it
is stored in the dataset, whose ids and messages say it all.
"""

from cb_datasets.training.conversations import conversation, to_conversations
from cb_datasets.training.exports import TrainerRows, list_exports, trainer_rows
from cb_datasets.training.mask_policies import MASK_POLICIES, MaskPolicy
from cb_datasets.training.rerouting_json import ExportedPairs, export_rerouting_json
from cb_datasets.training.token_ids import to_token_ids
from cb_datasets.training.token_mask import token_mask
from cb_datasets.training.trl_by_ids import trainer_by_ids

__all__ = [
    "MASK_POLICIES",
    "ExportedPairs",
    "MaskPolicy",
    "TrainerRows",
    "conversation",
    "export_rerouting_json",
    "list_exports",
    "to_conversations",
    "to_token_ids",
    "token_mask",
    "trainer_by_ids",
    "trainer_rows",
]
