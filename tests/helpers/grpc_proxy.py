"""Optuna's gRPC storage proxy; ``python grpc_proxy.py DATABASE`` prints its port."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
import optuna
from optuna.storages._grpc import servicer
from optuna.storages._grpc.auto_generated import api_pb2_grpc

if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    # Optuna's own starter takes a port and does not say whether it got it.
    server = grpc.server(ThreadPoolExecutor(max_workers=10))
    service = servicer.OptunaStorageProxyService(optuna.storages.get_storage(sys.argv[1]))
    api_pb2_grpc.add_StorageServiceServicer_to_server(service, server)
    sys.stdout.write(f"{server.add_insecure_port('localhost:0')}\n")
    sys.stdout.flush()
    server.start()
    server.wait_for_termination()
