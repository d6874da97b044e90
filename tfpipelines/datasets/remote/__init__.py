"""Data behind URLs: copied once into the cache folder, hashed, then read as any local file or folder.

`copies.py` keeps the copies; `http.py`, `stores.py` and `hub.py` fetch from servers, from object stores and from the
Hugging Face Hub.
"""

from .copies import Copy as Copy
from .copies import local_copy as local_copy
from .copies import pinned as pinned
from .copies import print_it as print_it
from .copies import told as told
from .origin import Tell as Tell
