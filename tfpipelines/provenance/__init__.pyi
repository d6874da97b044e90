from .keys import EncryptedKeyError as EncryptedKeyError
from .signing import Signed as Signed
from .signing import sign as sign
from .verifying import Problem as Problem
from .verifying import Verification as Verification
from .verifying import verify as verify
