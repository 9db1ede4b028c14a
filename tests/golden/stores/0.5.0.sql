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
INSERT INTO "individuals" VALUES(1,NULL,'random','cell normal(here: project, before: match) fit match {
  a = identity(here) + dil_conv[3x3](here)
  b = dil_conv[3x3](before) + identity(here)
  c = sep_conv[5x5](here) + dil_conv[3x3](here)
  d = avg_pool[3x3](here) + max_pool[3x3](here)
  e = sep_conv[7x7](here) + max_pool[3x3](here)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = sep_conv[7x7](here) + conv_1x7_7x1(before)
  b = identity(a) + sep_conv[5x5](here)
  c = identity(before) + dil_conv[3x3](a)
  d = sep_conv[3x3](before) + dil_conv[3x3](b)
  e = max_pool[3x3](b) + sep_conv[7x7](d)
  return concat(unused)
}
','66cb56ad3ad1be2358c0e0b0483f1f63',1.02920723226703758612e-01,57968,588704,3.59504352599833509884e+00,'done','','[]',0,'[[1, 2.2884661934592505, 0.2840909090909091, 16.282259159857443, 0.10292072322670376]]',1,'[]',0,NULL,'','',1,1268068416.0,4.71108153000386664643e-01,'','{}');
INSERT INTO "individuals" VALUES(2,NULL,'random','cell normal(here: project, before: match) fit match {
  a = identity(before) + max_pool[3x3](before)
  b = max_pool[3x3](before) + sep_conv[5x5](here)
  c = sep_conv[7x7](a) + conv_1x7_7x1(a)
  d = conv_1x7_7x1(c) + max_pool[3x3](a)
  e = sep_conv[3x3](a) + sep_conv[7x7](before)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = sep_conv[5x5](here) + sep_conv[5x5](before)
  b = max_pool[3x3](here) + sep_conv[3x3](here)
  c = sep_conv[3x3](a) + identity(before)
  d = dil_conv[3x3](before) + conv_1x7_7x1(b)
  e = avg_pool[3x3](before) + avg_pool[3x3](b)
  return concat(unused)
}
','84ddece6d18640af58d828eed42afefb',4.29763560500695418475e-01,65294,774944,3.74529844899916497524e+00,'done','','[]',0,'[[1, 2.873106349598278, 0.2997159090909091, 2.552388367632997, 0.4297635605006954]]',2,'[]',0,NULL,'','',1,1669229376.0,9.85153464998802519403e-01,'','{}');
INSERT INTO "individuals" VALUES(3,NULL,'random','cell normal(here: project, before: match) fit match {
  a = avg_pool[3x3](before) + sep_conv[5x5](here)
  b = sep_conv[3x3](before) + sep_conv[7x7](before)
  c = avg_pool[3x3](here) + identity(here)
  d = sep_conv[5x5](c) + sep_conv[5x5](here)
  e = max_pool[3x3](before) + dil_conv[3x3](d)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = sep_conv[5x5](before) + conv_1x7_7x1(here)
  b = sep_conv[5x5](a) + sep_conv[3x3](here)
  c = conv_1x7_7x1(b) + avg_pool[3x3](a)
  d = max_pool[3x3](c) + sep_conv[3x3](before)
  e = avg_pool[3x3](c) + sep_conv[3x3](c)
  return concat(unused)
}
','6f770195e19d9e017ee2df1403768d20',1.80806675938803895764e-01,65660,773280,7.25396875100159377325e+00,'done','','[]',0,'[[1, 2.432253057306463, 0.21448863636363635, 7.149793685891864, 0.1808066759388039]]',3,'[]',1,NULL,'','',1,1665645120.0,1.198750303001361317e+00,'','{}');
INSERT INTO "individuals" VALUES(4,2,'rewire','cell normal(here: project, before: match) fit match {
  a = identity(before) + max_pool[3x3](before)
  b = max_pool[3x3](before) + sep_conv[5x5](here)
  c = sep_conv[7x7](a) + conv_1x7_7x1(a)
  d = conv_1x7_7x1(c) + max_pool[3x3](a)
  e = sep_conv[3x3](a) + sep_conv[7x7](before)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
  a = sep_conv[5x5](here) + sep_conv[5x5](here)
  b = max_pool[3x3](here) + sep_conv[3x3](here)
  c = sep_conv[3x3](a) + identity(before)
  d = dil_conv[3x3](before) + conv_1x7_7x1(b)
  e = avg_pool[3x3](before) + avg_pool[3x3](b)
  return concat(unused)
}
','62d42a235355c00dff77d8f7205094d1',1.58553546592489574829e-01,65294,774944,3.36912351800128817558e+00,'done','','[]',0,'[[1, 4.371957952325994, 0.2883522727272727, 16.261650838838666, 0.15855354659248957]]',4,'[]',2,NULL,'','',1,1669229376.0,7.841139669999392936e-01,'','{}');
CREATE TABLE meta (key text primary key, value text not null);
INSERT INTO "meta" VALUES('identity.search.seed','0');
INSERT INTO "meta" VALUES('identity.search.fitness','training');
INSERT INTO "meta" VALUES('identity.search.algorithm','regularized_evolution');
INSERT INTO "meta" VALUES('identity.search.inherit_weights','False');
INSERT INTO "meta" VALUES('identity.search.reuse','False');
INSERT INTO "meta" VALUES('identity.search.sample_mutations','10');
INSERT INTO "meta" VALUES('identity.regularized_evolution.population_size','3');
INSERT INTO "meta" VALUES('identity.regularized_evolution.sample_size','2');
INSERT INTO "meta" VALUES('identity.dataset.source','digits');
INSERT INTO "meta" VALUES('identity.dataset.validation','0.5');
INSERT INTO "meta" VALUES('identity.dataset.test','0.2');
INSERT INTO "meta" VALUES('identity.dataset.seed','0');
INSERT INTO "meta" VALUES('identity.dataset.image_size','None');
INSERT INTO "meta" VALUES('identity.dataset.stream','False');
INSERT INTO "meta" VALUES('identity.training.epochs','1');
INSERT INTO "meta" VALUES('identity.training.batch_size','64');
INSERT INTO "meta" VALUES('identity.training.learning_rate','0.1');
INSERT INTO "meta" VALUES('identity.training.optimizer','sgd');
INSERT INTO "meta" VALUES('identity.training.schedule','cosine');
INSERT INTO "meta" VALUES('identity.training.warmup_epochs','0.0');
INSERT INTO "meta" VALUES('identity.training.momentum','0.9');
INSERT INTO "meta" VALUES('identity.training.nesterov','False');
INSERT INTO "meta" VALUES('identity.training.rmsprop_decay','0.9');
INSERT INTO "meta" VALUES('identity.training.rmsprop_epsilon','0.1');
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
INSERT INTO "meta" VALUES('identity.training.optimize_graph','False');
INSERT INTO "meta" VALUES('identity.training.precision','float32');
INSERT INTO "meta" VALUES('identity.training.sync_batch_norm','None');
INSERT INTO "meta" VALUES('identity.training.strategy','default');
INSERT INTO "meta" VALUES('identity.training.tpu','');
INSERT INTO "meta" VALUES('identity.the space','param N = 1
param F = 8
param after = 1

op project = relu | conv[1x1] | batch_norm
op squeeze = relu | conv[1x1, filters=filters // 4] | batch_norm
op widen = conv[1x1] | batch_norm if channels != filters
  else skip
op match = relu | factorized_conv[stride=stride] | batch_norm if stride > 1
  else project if channels != filters
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

cell normal(here: project, before: match) fit match {
  a = identity(here) + identity(before)
  b = identity(here) + identity(before)
  c = identity(here) + identity(before)
  d = identity(here) + identity(before)
  e = identity(here) + identity(before)
  return concat(unused)
}

cell reduction(here: project, before: match) stride 2 fit match {
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
INSERT INTO "meta" VALUES('setting.search.individuals','4');
INSERT INTO "meta" VALUES('setting.search.executor','processes');
INSERT INTO "meta" VALUES('setting.search.workers','1');
INSERT INTO "meta" VALUES('setting.search.worker_tasks','50');
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
INSERT INTO "meta" VALUES('note.data','["digits: 718 train, 719 validation, 360 test images of 8x8x1, 10 classes", [8, 8, 1], 10]');
INSERT INTO "meta" VALUES('note.seconds','20.477788162999786');
INSERT INTO "meta" VALUES('note.test accuracy of 2','0.4777777777777778');
CREATE INDEX twins on individuals (fingerprint, genes);
COMMIT;
