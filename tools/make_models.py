#!/usr/bin/env python3
"""Make the model files that the project ships: test models with known answers, and the demo policy.

usage: tools/make_models.py [--models DIR] [--demo FILE]      (defaults: tests/data/models, share/models/demo.safetensors)

Standard library only, and seeded: the same files come out each time. A .zip is built as
Stable-Baselines3's PPO.save builds one (JSON `data` with pickles in base64, a torch archive inside).
The pickles are written by Python's own pickle module from stand-in classes that carry the real
classes' names, so neither torch nor numpy nor Stable-Baselines3 is needed. Expected numbers are
computed here in double, from the weights as float32.

manifest.json has the form of the shared data's, so that one checker serves both.
"""
import argparse
import base64
import collections
import io
import json
import math
import os
import pickle
import random
import struct
import sys
import types
import warnings
import zipfile


# --- stand-ins for classes that live in libraries we do not have ---

def module_of(name):
    if name not in sys.modules:
        sys.modules[name] = types.ModuleType(name)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(module_of(parent), child, sys.modules[name])
    return sys.modules[name]


def stand_in(module, name, **attributes):
    cls = type(name, (), {"__module__": module, **attributes})
    setattr(module_of(module), name, cls)
    return cls


def stand_in_function(module, name):
    def function(*_args):
        raise RuntimeError("a stand-in is never called")
    function.__module__, function.__name__, function.__qualname__ = module, name, name
    setattr(module_of(module), name, function)
    return function


REBUILD = stand_in_function("torch._utils", "_rebuild_tensor_v2")
FLOAT_STORAGE = stand_in("torch", "FloatStorage")
SCALAR = stand_in_function("numpy.core.multiarray", "scalar")
FROMBUFFER = stand_in_function("numpy.core.numeric", "_frombuffer")
POLICY = stand_in("stable_baselines3.common.policies", "ActorCriticPolicy")
VECNORMALIZE = stand_in("stable_baselines3.common.vec_env.vec_normalize", "VecNormalize")
RUNNING = stand_in("stable_baselines3.common.running_mean_std", "RunningMeanStd")


class Dtype:
    def __init__(self, code):
        self.code = code

    def __reduce__(self):
        order = "|" if self.code == "b1" else "<"
        return Dtype, (self.code, False, True), (3, order, None, None, None, -1, -1, 0)


Dtype.__module__, Dtype.__name__, Dtype.__qualname__ = "numpy", "dtype", "dtype"
module_of("numpy").dtype = Dtype


class Call:
    """Pickles as REDUCE of a function and its arguments."""
    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


class Storage:
    def __init__(self, key, numel):
        self.key, self.numel = key, numel


class StatePickler(pickle._Pickler):  # the Python version, whose memo the C version's equals
    def __init__(self, file, legacy=False):
        super().__init__(file, protocol=2)
        self.legacy = legacy

    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        id_ = ("storage", FLOAT_STORAGE, obj.key, "cpu", obj.numel)
        return id_ + (None,) if self.legacy else id_


# --- networks ---

def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def pack(values):
    return struct.pack(f"<{len(values)}f", *values)


def orthogonal(rng, rows, columns, gain):
    """Rows (or columns, when there are more rows) of length gain at right angles, as trainers begin."""
    n, m = max(rows, columns), min(rows, columns)
    basis = []
    while len(basis) < m:
        v = [rng.gauss(0, 1) for _ in range(n)]
        for b in basis:
            d = sum(x * y for x, y in zip(v, b))
            v = [x - d * y for x, y in zip(v, b)]
        length = math.sqrt(sum(x * x for x in v))
        if length > 1e-6:
            basis.append([x / length for x in v])
    if rows <= columns:
        return [[f32(gain * basis[r][c]) for c in range(columns)] for r in range(rows)]
    return [[f32(gain * basis[c][r]) for c in range(columns)] for r in range(rows)]


ACTIVATIONS = {
    "Tanh": math.tanh,
    "ReLU": lambda x: max(x, 0.0),
    "LeakyReLU": lambda x: x if x > 0 else 0.01 * x,
    "ELU": lambda x: x if x > 0 else math.expm1(x),
    "GELU": lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))),
    "SiLU": lambda x: x / (1 + math.exp(-x)),
}


class Net:
    def __init__(self, seed, obs, actions, activation, pi=(), vf=(), shared=(), head_gain=1.0, bias=0.1):
        rng = random.Random(seed)
        self.obs, self.actions, self.activation = obs, actions, activation
        self.widths = {"shared": list(shared), "pi": list(pi), "vf": list(vf)}
        self.state = collections.OrderedDict()

        def layer(name, width, out, gain):
            self.state[name + ".weight"] = orthogonal(rng, out, width, gain)
            self.state[name + ".bias"] = [f32(rng.uniform(-bias, bias)) for _ in range(out)]

        def stack(part, width, widths):
            for i, out in enumerate(widths):
                layer(f"mlp_extractor.{part}.{2 * i}", width, out, math.sqrt(2))
                width = out
            return width

        width = stack("shared_net", obs, shared)
        last_pi = stack("policy_net", width, pi)
        last_vf = stack("value_net", width, vf)
        layer("action_net", last_pi, actions, head_gain)
        layer("value_net", last_vf, 1, 1.0)

    def linear(self, name, x):
        w, b = self.state[name + ".weight"], self.state[name + ".bias"]
        return [math.fsum([wi * xi for wi, xi in zip(row, x)] + [bi]) for row, bi in zip(w, b)]

    def hidden(self, part, x):
        act = ACTIVATIONS[self.activation]
        i = 0
        while f"mlp_extractor.{part}.{2 * i}.weight" in self.state:
            x = [act(v) for v in self.linear(f"mlp_extractor.{part}.{2 * i}", x)]
            i += 1
        return x

    def forward(self, x):
        s = self.hidden("shared_net", x)
        logits = self.linear("action_net", self.hidden("policy_net", s))
        value = self.linear("value_net", self.hidden("value_net", s))[0]
        top = max(logits)
        e = [math.exp(v - top) for v in logits]
        return logits, [v / math.fsum(e) for v in e], value

    def tensors(self):
        """Name, shape, flat values."""
        for name, t in self.state.items():
            if isinstance(t[0], list):
                yield name, (len(t), len(t[0])), [v for row in t for v in row]
            else:
                yield name, (len(t),), t


# --- containers ---

class Tensor:
    def __init__(self, storage, shape):
        strides = (shape[1], 1) if len(shape) == 2 else (1,)
        self.args = (storage, 0, shape, strides, False, collections.OrderedDict())

    def __reduce__(self):
        return REBUILD, self.args


class StateDict(collections.OrderedDict):
    """Pickles as a plain OrderedDict with the attribute _metadata, as torch's does."""
    def __reduce__(self):
        return collections.OrderedDict, (), {"_metadata": self.metadata}, None, iter(self.items())


def state_dict(net):
    out, raw = StateDict(), []
    for name, shape, values in net.tensors():
        out[name] = Tensor(Storage(str(len(raw)), len(values)), shape)
        raw.append(pack(values))
    out.metadata = collections.OrderedDict((name, {"version": 1}) for name in ("", "mlp_extractor", "action_net", "value_net"))
    return out, raw


def member(z, name, content, deflate=False):
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
    z.writestr(info, content)


def torch_zip(net, patch=None):
    state, raw = state_dict(net)
    out = io.BytesIO()
    StatePickler(out).dump(state)
    pkl = out.getvalue()
    if patch:
        pkl, raw = patch(pkl, raw)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        member(z, "archive/data.pkl", pkl)
        member(z, "archive/byteorder", "little")
        for i, content in enumerate(raw):
            member(z, f"archive/data/{i}", content)
        member(z, "archive/version", "3\n")
    return out.getvalue()


def torch_stream(net):
    state, raw = state_dict(net)
    out = io.BytesIO()
    pickle.dump(0x1950A86A20F9469CFC6C, out, protocol=2)
    pickle.dump(1001, out, protocol=2)
    pickle.dump({"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}, out, protocol=2)
    StatePickler(out, legacy=True).dump(state)
    keys = sorted(str(i) for i in range(len(raw)))
    pickle.dump(keys, out, protocol=2)
    for key in keys:
        content = raw[int(key)]
        out.write(struct.pack("<q", len(content) // 4) + content)
    return out.getvalue()


def with_pickle(value, type_text, **attributes):
    serialized = base64.b64encode(pickle.dumps(value, protocol=4)).decode()
    return {":type:": type_text, ":serialized:": serialized, **attributes}


def make_object(cls, **state):
    obj = cls()
    obj.__dict__.update(state)
    return obj


def data_json(net, old=False, normalized=False, **override):
    root = "gym" if old else "gymnasium"
    box = stand_in(f"{root}.spaces.box", "Box")
    discrete = stand_in(f"{root}.spaces.discrete", "Discrete")
    f4 = Dtype("f4")
    bound = Call(FROMBUFFER, pack([-math.inf] * net.obs), f4, (net.obs,), "C")
    shape = "shape" if old else "_shape"
    n = net.actions if old else Call(SCALAR, Dtype("i8"), struct.pack("<q", net.actions))
    spaces = {
        "observation_space": with_pickle(make_object(box, dtype=f4, low=bound, **{shape: (net.obs,)}),
                                         f"<class '{root}.spaces.box.Box'>", dtype="float32", **{shape: [net.obs]}),
        "action_space": with_pickle(make_object(discrete, n=n, dtype=Dtype("i8"), **{shape: ()}),
                                    f"<class '{root}.spaces.discrete.Discrete'>", n=net.actions if old else str(net.actions), **{shape: []}),
    }
    kwargs = {}
    if net.activation != "Tanh":
        module = "torch.nn.modules.activation"
        cls = stand_in(module, net.activation)
        arch = {"pi": net.widths["pi"], "vf": net.widths["vf"]}
        arch = net.widths["shared"] + [arch] if net.widths["shared"] else arch
        kwargs = with_pickle({"activation_fn": cls, "net_arch": arch}, "<class 'dict'>",
                             activation_fn=f"<class '{module}.{net.activation}'>", net_arch=arch)
    data = {
        "policy_class": with_pickle(POLICY, "<class 'abc.ABCMeta'>", __module__=POLICY.__module__,
                                    __init__="<function ActorCriticPolicy.__init__ at 0x7f0000000000>"),
        "verbose": 0, "policy_kwargs": kwargs, "num_timesteps": 0, "learning_rate": 0.0003, "seed": None,
        "start_time": 1790000000000000000, "_last_obs": None,
        "_last_original_obs": "[[0. 0.]]" if normalized else None, **spaces, "n_envs": 1,
        "n_steps": 2048, "gamma": 0.99, "use_sde": False, "batch_size": 64, "n_epochs": 10, "clip_range": 0.2,
        "target_kl": math.nan, **override,
    }
    return json.dumps({k: v for k, v in data.items() if v != "absent"}, indent=4)


def sb3_zip(net, version="2.7.1", deflate=False, legacy=False, patch=None, extra=(), **options):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        member(z, "data", data_json(net, **options), deflate)
        member(z, "policy.pth", torch_stream(net) if legacy else torch_zip(net, patch), deflate)
        for name, content in extra:
            member(z, name, content, deflate)
        member(z, "_stable_baselines3_version", version, deflate)
    return out.getvalue()


def safetensors(net, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, shape, values in net.tensors():
        content = pack(values)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def statistics(mean, var, clip):
    f8 = Dtype("f8")

    def array(values):
        return Call(FROMBUFFER, struct.pack(f"<{len(values)}d", *values), f8, (len(values),), "C")

    rms = make_object(RUNNING, mean=array(mean), var=array(var), count=1000.0)
    return pickle.dumps(make_object(VECNORMALIZE, norm_obs=True, clip_obs=clip, epsilon=1e-8, obs_rms=rms, training=False), protocol=4)


# --- answers ---

def answers(net, rows, us, normalize=None):
    v = {k: [] for k in ("logits", "probs", "value", "argmax", "gap", "sample", "sample_margin")}
    for x, u in zip(rows, us):
        logits, probs, value = net.forward(normalize(x) if normalize else x)
        order = sorted(logits, reverse=True)
        sums = [math.fsum(probs[:i + 1]) for i in range(len(probs))]
        v["logits"].append([float(f"{a:.9g}") for a in logits])
        v["probs"].append([float(f"{a:.9g}") for a in probs])
        v["value"].append(float(f"{value:.9g}"))
        v["argmax"].append(probs.index(max(probs)))
        v["gap"].append(order[0] - order[1])
        v["sample"].append(next((i for i, s in enumerate(sums) if s > u), len(sums) - 1))
        v["sample_margin"].append(min(abs(u - s) for s in sums))
    return v


class Shelf:
    """Writes files and remembers what to say about them."""
    def __init__(self, root):
        self.root, self.manifest = root, []

    def put(self, name, content):
        with open(os.path.join(self.root, name), "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())

    def observations(self, dim):
        name = f"obs_{dim}.json"
        rng = random.Random(dim)
        rows = [[f32(rng.gauss(0, 1)) for _ in range(dim)] for _ in range(14)] + [[0.0] * dim, [f32(1e4)] * dim]
        us = [rng.random() for _ in rows]
        text = {"dim": dim, "count": len(rows), "obs": [[float(f"{v:.9g}") for v in r] for r in rows], "u": us}
        self.put(name, json.dumps(text) + "\n")
        return name, rows, us

    def accept(self, name, net, content, agent=False, stats=None, normalize=None):
        obs_file, rows, us = self.observations(net.obs)
        stem = name.rsplit(".", 1)[0] + ".vectors.json"
        self.put(name, content)
        self.put(stem, json.dumps({"model": name, "obs_file": obs_file, **answers(net, rows, us, normalize)}) + "\n")
        entry = {"file": name, "expect": "accept", "agent_52x5": "accept" if agent else "reject",
                 "arch": {"obs_dim": net.obs, "n_actions": net.actions, "activation": net.activation, **net.widths}, "vectors": stem}
        if stats:
            entry["vecnormalize"] = stats
        self.manifest.append(entry)

    def reject(self, name, content, error, *mention, **more):
        self.put(name, content)
        self.manifest.append({"file": name, "expect": "reject", "agent_52x5": "reject", "error": error,
                              "mention_any": list(mention), **more})


class Attack:
    """Would make a file if anything ever ran it."""
    def __reduce__(self):
        return os.system, ("touch sb3_pwned_marker",)


def broken_files(shelf, net):
    warnings.filterwarnings("ignore", message="Duplicate name")  # one of the files is to have one
    good = sb3_zip(net)
    attack = pickle.dumps(Attack(), protocol=2)
    shelf.reject("bad_empty.zip", b"", "not_zip", "empty")
    shelf.reject("bad_truncated.zip", good[:-7], "not_zip", "truncated")
    shelf.reject("bad_global.zip", sb3_zip(net, patch=lambda pkl, raw: (pkl[:2] + attack[2:-1] + b"0" + pkl[2:], raw)),
                 "pickle_global", "system")
    shelf.reject("bad_opcode.zip", sb3_zip(net, patch=lambda pkl, raw: (pkl[:2] + b"2" + pkl[2:], raw)), "pickle_opcode", "DUP")
    shelf.reject("bad_nan.zip", sb3_zip(net, patch=lambda pkl, raw: (pkl, [pack([math.nan]) + raw[0][4:]] + raw[1:])), "nonfinite", "NaN")
    shelf.reject("bad_storage.zip", sb3_zip(net, patch=lambda pkl, raw: (pkl, [raw[0][:-4]] + raw[1:])), "tensor_bounds", "storage")
    at = good.index(b"archive/data/0") + 20
    shelf.reject("bad_crc.zip", good[:at] + bytes([good[at] ^ 1]) + good[at + 1:], "crc", "CRC")
    shelf.reject("bad_class.zip", sb3_zip(net, policy_class=with_pickle(Attack(), "<class 'abc.ABCMeta'>")), "policy_class", "policy_class")
    shelf.reject("bad_algorithm.zip", sb3_zip(net, clip_range="absent"), "algorithm", "clip_range")
    shelf.reject("bad_duplicate.zip", sb3_zip(net, extra=[("policy.pth", b"x")]), "zip_struct", "duplicate")
    plain = safetensors(net, {"policy": "MlpPolicy", "activation_fn": "Tanh"})
    shelf.reject("bad_short.safetensors", plain[:-4], "tensor_bounds", "out of bounds")
    shelf.reject("bad_silent.safetensors", safetensors(net, {"format": "pt"}), "activation", "activation_fn")


def test_models(root):
    shelf = Shelf(root)
    small = Net(1, 6, 3, "Tanh", [8, 8], [8, 8])
    shelf.accept("tanh.zip", small, sb3_zip(small))
    shelf.accept("tanh_deflated.zip", small, sb3_zip(small, deflate=True))
    shelf.accept("tanh.safetensors", small, safetensors(small, {"policy": "MlpPolicy", "activation_fn": "Tanh"}))
    shared = Net(2, 6, 3, "ELU", [6], [5], shared=[9])
    shelf.accept("shared_elu.zip", shared, sb3_zip(shared, version="1.6.2", old=True))
    stream = Net(3, 6, 3, "LeakyReLU", [12], [7, 5])
    shelf.accept("stream_leakyrelu.zip", stream, sb3_zip(stream, version="0.8.0", old=True, legacy=True))
    linear = Net(4, 6, 2, "Tanh")
    shelf.accept("linear.zip", linear, sb3_zip(linear))
    gelu = Net(5, 6, 4, "GELU", [10], [10])
    shelf.accept("gelu.zip", gelu, sb3_zip(gelu))
    agent = Net(6, 52, 5, "Tanh", [16, 16], [16, 16])
    shelf.accept("agent.zip", agent, sb3_zip(agent), agent=True)
    scaled = Net(7, 6, 3, "SiLU", [8], [8])
    mean, var = [0.1 * i for i in range(6)], [0.5 + 0.25 * i for i in range(6)]
    shelf.put("scaled.pkl", statistics(mean, var, 5.0))
    shelf.accept("scaled.zip", scaled, sb3_zip(scaled, normalized=True), stats="scaled.pkl",
                 normalize=lambda x: [f32(max(-5.0, min(5.0, (v - m) / math.sqrt(s + 1e-8)))) for v, m, s in zip(x, mean, var)])
    broken_files(shelf, small)
    shelf.reject("bad_statistics.pkl", pickle.dumps(Attack(), protocol=4), "statistics", "VecNormalize", for_model="scaled.zip")
    shelf.reject("bad_variance.pkl", statistics(mean, [-1.0] + var[1:], 5.0), "statistics", "var", for_model="scaled.zip")
    shelf.reject("bad_mean.pkl", statistics([math.nan] + mean[1:], var, 5.0), "nonfinite", "NaN", for_model="scaled.zip")
    shelf.put("manifest.json", "[\n  " + ",\n  ".join(json.dumps(e) for e in shelf.manifest) + "\n]\n")


def demo_model(path):
    net = Net(20261123, 52, 5, "Tanh", [64, 64], [64, 64], head_gain=1.5, bias=0.05)
    net.state["action_net.bias"][0] = f32(0.7)  # so that it often waits
    metadata = {"policy": "MlpPolicy", "activation_fn": "Tanh", "origin": "deltaflow tools/make_models.py: untrained, seeded, for demonstration"}
    with open(path, "wb") as f:
        f.write(safetensors(net, metadata))


def main():
    parser = argparse.ArgumentParser(description="make the model files that the project ships")
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--models", default=os.path.join(here, "tests/data/models"))
    parser.add_argument("--demo", default=os.path.join(here, "share/models/demo.safetensors"))
    args = parser.parse_args()
    os.makedirs(args.models, exist_ok=True)
    os.makedirs(os.path.dirname(args.demo) or ".", exist_ok=True)
    test_models(args.models)
    demo_model(args.demo)


if __name__ == "__main__":
    main()
