PRAGMA user_version=3;
BEGIN TRANSACTION;
CREATE TABLE individuals (
  id integer primary key, parent integer, rule text not null,
  genotype text not null, fingerprint text not null,
  fitness real, params integer, mult_adds integer, seconds real,
  status text not null check (status in ('running', 'done', 'failed')), error text not null default '',
  rejected text not null default '[]', forget integer not null default 0,
  history text not null default '[]', finished integer unique,
  killed text not null default '[]', proposed_after integer not null,
  inherited real, note text not null default '',
  genes text not null default '', tries integer not null default 1, flops real not null default 0,
  step_seconds real not null default 0,
  memo text not null default '', metrics text not null default '{}'
);
INSERT INTO "individuals" VALUES(1,NULL,'random','cell normal(here: project, before: match) fit shape {
  a = identity(here) + dil_conv[3x3](here)
  b = dil_conv[3x3](before) + identity(here)
  c = sep_conv[5x5](here) + dil_conv[3x3](here)
  d = avg_pool[3x3](here) + max_pool[3x3](here)
  e = sep_conv[7x7](here) + max_pool[3x3](here)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[7x7](here) + conv_1x7_7x1(before)
  b = identity(a) + sep_conv[5x5](here)
  c = identity(before) + dil_conv[3x3](a)
  d = sep_conv[3x3](before) + dil_conv[3x3](b)
  e = max_pool[3x3](b) + sep_conv[7x7](d)
  return concat(unused)
}
','ec0893534ba90344503ac34e2774379d',3.00973999999999963783e-01,57968,588704,7.94097455998780787922e-01,'done','','[]',0,'[]',2,'[]',0,NULL,'','',1,15216820992.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(2,NULL,'random','cell normal(here: project, before: match) fit shape {
  a = identity(before) + max_pool[3x3](before)
  b = max_pool[3x3](before) + sep_conv[5x5](here)
  c = sep_conv[7x7](a) + conv_1x7_7x1(a)
  d = conv_1x7_7x1(c) + max_pool[3x3](a)
  e = sep_conv[3x3](a) + sep_conv[7x7](before)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](here) + sep_conv[5x5](before)
  b = max_pool[3x3](here) + sep_conv[3x3](here)
  c = sep_conv[3x3](a) + identity(before)
  d = dil_conv[3x3](before) + conv_1x7_7x1(b)
  e = avg_pool[3x3](before) + avg_pool[3x3](b)
  return concat(unused)
}
','1b9fa6a79221a36e87bb58ada23bfcd7',0.400088,65294,774944,1.31820415699985460378e+00,'done','','[]',0,'[]',1,'[]',0,NULL,'','',1,20030752512.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(3,NULL,'random','cell normal(here: project, before: match) fit shape {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[3x3](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](c) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + sep_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = max_pool[3x3](c) + sep_conv[3x3](before)
  e = avg_pool[3x3](c) + sep_conv[3x3](c)
  return concat(unused)
}
','f4b2a88e1c31267c50d0145ef5c50181',0.500412,65660,773280,1.19204111000726697966e-01,'done','','[]',0,'[]',3,'[]',0,NULL,'','',1,19987741440.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(4,2,'rewire','cell normal(here: project, before: match) fit shape {
  a = identity(before) + max_pool[3x3](before)
  b = max_pool[3x3](before) + sep_conv[5x5](here)
  c = sep_conv[7x7](a) + conv_1x7_7x1(a)
  d = conv_1x7_7x1(c) + max_pool[3x3](a)
  e = sep_conv[3x3](a) + sep_conv[7x7](before)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](here) + sep_conv[5x5](before)
  b = max_pool[3x3](here) + sep_conv[3x3](here)
  c = sep_conv[3x3](a) + identity(before)
  d = dil_conv[3x3](before) + conv_1x7_7x1(b)
  e = avg_pool[3x3](d) + avg_pool[3x3](b)
  return concat(unused)
}
','a9566a5213185b16327f3b8335ccd8a5',4.00010000000000032205e-01,62414,742176,1.78671096000471152365e-01,'done','','[]',0,'[]',4,'[]',1,NULL,'','',1,19183765248.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(5,2,'op','cell normal(here: project, before: match) fit shape {
  a = sep_conv[5x5](before) + max_pool[3x3](before)
  b = max_pool[3x3](before) + sep_conv[5x5](here)
  c = sep_conv[7x7](a) + conv_1x7_7x1(a)
  d = conv_1x7_7x1(c) + max_pool[3x3](a)
  e = sep_conv[3x3](a) + sep_conv[7x7](before)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](here) + sep_conv[5x5](before)
  b = max_pool[3x3](here) + sep_conv[3x3](here)
  c = sep_conv[3x3](a) + identity(before)
  d = dil_conv[3x3](before) + conv_1x7_7x1(b)
  e = avg_pool[3x3](before) + avg_pool[3x3](b)
  return concat(unused)
}
','34f6ec29fbfa080535ebc4bced46d9fd',0.450786,71326,865824,1.13069731998621136881e-01,'done','','[]',0,'[]',5,'[]',2,NULL,'','',1,22379818752.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(6,3,'rewire','cell normal(here: project, before: match) fit shape {
  a = avg_pool[3x3](before) + sep_conv[5x5](before)
  b = sep_conv[3x3](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](c) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + sep_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = max_pool[3x3](c) + sep_conv[3x3](before)
  e = avg_pool[3x3](c) + sep_conv[3x3](c)
  return concat(unused)
}
','abc3881365f89cd3c2e1292d0eb3e302',0.500295,66188,807072,1.59851196000090567395e-01,'done','','[]',0,'[]',6,'[1]',3,NULL,'','',1,20861197056.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(7,3,'op','cell normal(here: project, before: match) fit shape {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[3x3](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](c) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + sep_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = max_pool[3x3](c) + identity(before)
  e = avg_pool[3x3](c) + sep_conv[3x3](c)
  return concat(unused)
}
','8f159dd95546c045d183ceed97b7f459',0.450779,63420,758176,1.27103564000208280049e-01,'done','','[]',0,'[]',7,'[4]',4,NULL,'','',1,19597333248.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(8,3,'rewire','cell normal(here: project, before: match) fit shape {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[3x3](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](here) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + sep_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = max_pool[3x3](c) + sep_conv[3x3](before)
  e = avg_pool[3x3](c) + sep_conv[3x3](c)
  return concat(unused)
}
','7e96f297a7e87480d9b50e7c5eaf095d',NULL,NULL,NULL,NULL,'running','','[]',0,'[]',NULL,'[2]',5,NULL,'','',1,0.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(9,3,'op','cell normal(here: project, before: match) fit shape {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[3x3](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](c) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + sep_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = sep_conv[3x3](c) + sep_conv[3x3](before)
  e = avg_pool[3x3](c) + sep_conv[3x3](c)
  return concat(unused)
}
','740873e7554f72a125529ca82e09b0e9',0.550301,69276,796576,1.88756458001080318354e-01,'done','','[]',0,'[]',8,'[5]',6,NULL,'','',1,20589896448.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(10,3,'op','cell normal(here: project, before: match) fit shape {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[3x3](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](c) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + dil_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = max_pool[3x3](c) + sep_conv[3x3](before)
  e = avg_pool[3x3](c) + sep_conv[3x3](c)
  return concat(unused)
}
','0adb6a003a9aae7466f430e23f2cb9de',NULL,NULL,NULL,NULL,'running','','[]',0,'[]',NULL,'[6]',7,NULL,'','',1,0.0,0.0,'','{}');
INSERT INTO "individuals" VALUES(11,9,'rewire','cell normal(here: project, before: match) fit shape {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[3x3](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](c) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + sep_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = sep_conv[3x3](c) + sep_conv[3x3](before)
  e = avg_pool[3x3](c) + sep_conv[3x3](a)
  return concat(unused)
}
','a187f74d16441bf526b9a1add86da309',NULL,NULL,NULL,NULL,'running','','[]',0,'[]',NULL,'[3]',8,NULL,'','',1,0.0,0.0,'','{}');
CREATE TABLE meta (key text primary key, value text not null);
INSERT INTO "meta" VALUES('identity.search.seed','0');
INSERT INTO "meta" VALUES('identity.search.fitness','tests.evolve.made_up:slow');
INSERT INTO "meta" VALUES('identity.search.algorithm','pairwise_tournament');
INSERT INTO "meta" VALUES('identity.search.inherit_weights','False');
INSERT INTO "meta" VALUES('identity.search.reuse','False');
INSERT INTO "meta" VALUES('identity.search.order','finished');
INSERT INTO "meta" VALUES('identity.search.sample_mutations','10');
INSERT INTO "meta" VALUES('identity.pairwise_tournament.population_size','3');
INSERT INTO "meta" VALUES('identity.dataset.source','digits');
INSERT INTO "meta" VALUES('identity.dataset.validation','0.5');
INSERT INTO "meta" VALUES('identity.dataset.test','0.2');
INSERT INTO "meta" VALUES('identity.dataset.seed','0');
INSERT INTO "meta" VALUES('identity.dataset.image_size','None');
INSERT INTO "meta" VALUES('identity.dataset.stream','False');
INSERT INTO "meta" VALUES('identity.dataset.crop','1.0');
INSERT INTO "meta" VALUES('identity.dataset.unreadable','error');
INSERT INTO "meta" VALUES('identity.dataset.channels','None');
INSERT INTO "meta" VALUES('identity.training.epochs','12');
INSERT INTO "meta" VALUES('identity.training.batch_size','64');
INSERT INTO "meta" VALUES('identity.training.learning_rate','0.1');
INSERT INTO "meta" VALUES('identity.training.optimizer','sgd');
INSERT INTO "meta" VALUES('identity.training.schedule','cosine');
INSERT INTO "meta" VALUES('identity.training.warmup_epochs','0.0');
INSERT INTO "meta" VALUES('identity.training.momentum','0.9');
INSERT INTO "meta" VALUES('identity.training.nesterov','False');
INSERT INTO "meta" VALUES('identity.training.rmsprop_decay','0.9');
INSERT INTO "meta" VALUES('identity.training.rmsprop_epsilon','0.1');
INSERT INTO "meta" VALUES('identity.training.rmsprop_start','0.0');
INSERT INTO "meta" VALUES('identity.training.decay_rate','0.97');
INSERT INTO "meta" VALUES('identity.training.decay_epochs','2.0');
INSERT INTO "meta" VALUES('identity.training.clip_norm','0.0');
INSERT INTO "meta" VALUES('identity.training.ema_decay','0.0');
INSERT INTO "meta" VALUES('identity.training.l2','0.0005');
INSERT INTO "meta" VALUES('identity.training.drop_path_keep','1.0');
INSERT INTO "meta" VALUES('identity.training.drop_path_schedule','step');
INSERT INTO "meta" VALUES('identity.training.auxiliary_weight','0.0');
INSERT INTO "meta" VALUES('identity.training.label_smoothing','0.1');
INSERT INTO "meta" VALUES('identity.training.augment','()');
INSERT INTO "meta" VALUES('identity.training.crop_padding','4');
INSERT INTO "meta" VALUES('identity.training.cutout_size','16');
INSERT INTO "meta" VALUES('identity.training.colour_strength','0.4');
INSERT INTO "meta" VALUES('identity.training.fresh_statistics','True');
INSERT INTO "meta" VALUES('identity.training.validate','end');
INSERT INTO "meta" VALUES('identity.training.optimize_graph','False');
INSERT INTO "meta" VALUES('identity.training.precision','float32');
INSERT INTO "meta" VALUES('identity.training.sync_batch_norm','None');
INSERT INTO "meta" VALUES('identity.training.strategy','default');
INSERT INTO "meta" VALUES('identity.training.tpu','');
INSERT INTO "meta" VALUES('identity.the space','param N = 1
param F = 8
param after = N

op project = relu | conv[1x1] | batch_norm
op squeeze = relu | conv[1x1, filters=filters // 4] | batch_norm
op widen = conv[1x1] | batch_norm if channels != filters
  else skip
op match = relu | factorized_conv[stride=stride] | batch_norm if stride > 1
  else project if channels != filters
  else skip
op shape = factorized_conv[stride=stride] | batch_norm if stride > 1
  else conv[1x1] | batch_norm if channels != filters
  else skip
op identity = relu | conv[1x1, stride=stride] | batch_norm if stride > 1 or channels != filters
  else skip
op avg_pool[kernel, padding=same] = avg_pool[kernel, stride=stride, padding=padding] | widen
op max_pool[kernel, padding=same] = max_pool[kernel, stride=stride, padding=padding] | widen
op sep_conv[kernel] = relu | depthwise[kernel, stride=stride] | conv[1x1] | batch_norm | relu | depthwise[kernel] | conv[1x1] | batch_norm
op dil_conv[kernel, dilation=2] = squeeze | relu | depthwise[kernel, stride=stride, dilation=dilation] | conv[1x1, filters=filters // 4] | batch_norm | project
op relu_conv[kernel] = relu | conv[kernel, stride=stride] | batch_norm if kernel == 1x1
  else squeeze | relu | conv[kernel, stride=stride, filters=filters // 4] | batch_norm | project
op conv_1x7_7x1 = squeeze | relu | conv[1x7, stride_x=stride, filters=filters // 4] | batch_norm | relu | conv[7x1, stride_y=stride, filters=filters // 4] | batch_norm | project

values ops = { identity, sep_conv[3x3], sep_conv[5x5], sep_conv[7x7], avg_pool[3x3], max_pool[3x3], dil_conv[3x3], conv_1x7_7x1 }

cell normal(here: project, before: match) fit shape {
  a = identity(here) + identity(before)
  b = identity(here) + identity(before)
  c = identity(here) + identity(before)
  d = identity(here) + identity(before)
  e = identity(here) + identity(before)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit shape {
  a = identity(here) + identity(before)
  b = identity(here) + identity(before)
  c = identity(here) + identity(before)
  d = identity(here) + identity(before)
  e = identity(here) + identity(before)
  return concat(unused)
}

network {
  stem: conv[3x3, filters=3 * F] | batch_norm
  body: normal[F] * N, reduction[2 * F], normal[2 * F] * after as middle, reduction[4 * F], normal[4 * F] * after
  auxiliary(middle): relu | avg_pool[5x5, stride=3, padding=valid] | conv[1x1, filters=128] | batch_norm | relu | conv[full, filters=768] | batch_norm | relu | dense[classes]
  head: relu | global_avg_pool | dropout | dense[classes]
}

mutation op weight 0.475 {
  choose c in cells, n in c.nodes, t in n.terms
  t.op = any(ops)
}
mutation rewire weight 0.475 {
  choose c in cells, n in c.nodes, t in n.terms
  t.input = any(other n.earlier)
}
mutation nothing weight 0.05 { }
');
INSERT INTO "meta" VALUES('setting.search.individuals','100');
INSERT INTO "meta" VALUES('setting.search.executor','processes');
INSERT INTO "meta" VALUES('setting.search.workers','2');
INSERT INTO "meta" VALUES('setting.search.worker_tasks','200');
INSERT INTO "meta" VALUES('setting.search.gpus_per_worker','None');
INSERT INTO "meta" VALUES('setting.search.address','');
INSERT INTO "meta" VALUES('setting.search.worker_cpus','1');
INSERT INTO "meta" VALUES('setting.search.worker_resources','{}');
INSERT INTO "meta" VALUES('setting.search.timeout','None');
INSERT INTO "meta" VALUES('setting.search.retries','1');
INSERT INTO "meta" VALUES('setting.search.budget','None');
INSERT INTO "meta" VALUES('setting.search.budget_flops','None');
INSERT INTO "meta" VALUES('setting.search.target','None');
INSERT INTO "meta" VALUES('setting.search.keep_best','1');
INSERT INTO "meta" VALUES('setting.search.storage','');
INSERT INTO "meta" VALUES('note.version','0.6.0');
INSERT INTO "meta" VALUES('note.begun in','/home/user');
INSERT INTO "meta" VALUES('note.data','{"description": "digits: 718 train, 719 validation, 360 test images of 8x8x1, 10 classes", "input_shape": [8, 8, 1], "classes": 10, "class_names": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], "mean": [4.887491295264624], "std": [6.009550072169322], "crop": 1.0, "images": 718, "counts": {"train": [71, 72, 71, 73, 72, 73, 72, 72, 70, 72], "validation": [71, 73, 71, 73, 73, 73, 73, 71, 69, 72], "test": [36, 37, 35, 37, 36, 36, 36, 36, 35, 36]}, "digest": "0550a048365bf0e22367e8d4f78ca5a2758a1b73a2f33af9ad934608d9f5b57f", "remarks": [], "is_bytes": false, "bytes": 460032, "is_kept": true, "preparation": {"size": [8, 8], "crop": 1.0}}');
INSERT INTO "meta" VALUES('note.kept in','/home/user/runs/killed');
INSERT INTO "meta" VALUES('note.source','digits');
INSERT INTO "meta" VALUES('note.seconds','6.64120677199935');
CREATE INDEX twins on individuals (fingerprint, genes);
COMMIT;
